-- The class of a line and the percentage of its tax, in millionths: null for the lines of earlier releases, which did not keep
-- them, and the percentage also where a line is not taxed.
ALTER TABLE order_items ADD COLUMN tax_class text;
ALTER TABLE order_items ADD COLUMN tax_rate bigint;

-- What of a refund is taxed at which percentage; empty for the refunds of earlier releases.
ALTER TABLE refunds ADD COLUMN taxes json NOT NULL DEFAULT '[]';
