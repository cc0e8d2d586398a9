-- Parcels are found by their numbers without blanks and in upper case (`tracking_key`).

ALTER TABLE shipments ADD COLUMN tracking_key text COLLATE "C";
UPDATE shipments SET tracking_key = upper(translate(tracking_number, U&' \00A0\2009\202F\3000', ''))
    WHERE tracking_number IS NOT NULL;
DROP INDEX shipments_tracking_number;
CREATE INDEX shipments_tracking_key ON shipments (tracking_key, id) WHERE tracking_key IS NOT NULL;
