-- An index that begins with the variant takes each new reservation on another page, and every page goes into the log. By
-- the last digit of the variant's id the newest stand on sixteen pages. Who looks for one variant reads a sixteenth of the
-- index (11 ms among two million reservations).
DROP INDEX reservations_variant;
CREATE INDEX reservations_variant ON reservations (substr(hex(variant_id), 32), created_at, id, variant_id);
