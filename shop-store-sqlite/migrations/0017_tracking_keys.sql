-- Parcels are found by their numbers without blanks and in upper case (`tracking_key`).

ALTER TABLE shipments ADD COLUMN tracking_key TEXT;
UPDATE shipments SET tracking_key = upper(replace(replace(replace(replace(replace(
    tracking_number, ' ', ''), char(160), ''), char(8201), ''), char(8239), ''), char(12288), ''))
    WHERE tracking_number IS NOT NULL;
DROP INDEX shipments_tracking_number;
CREATE INDEX shipments_tracking_key ON shipments (tracking_key, id) WHERE tracking_key IS NOT NULL;
