-- For which prices each variant was offered, and since when: one row without an end says what is true now. A row without a
-- price is a time in which it was not offered. What ended more than 31 days ago is removed.
CREATE TABLE price_history (
    variant_id uuid NOT NULL,
    version bigint NOT NULL,
    price bigint,
    currency text COLLATE "C" NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz,
    CONSTRAINT price_history_id PRIMARY KEY (variant_id, version)
);

-- What may be removed; rows that hold now are not in it.
CREATE INDEX price_history_ends_at ON price_history (ends_at) WHERE ends_at IS NOT NULL;

-- The history begins with the prices of now. When each began is not known: the last change of its product is the latest time.
INSERT INTO price_history (variant_id, version, price, currency, starts_at)
    SELECT variants.id, products.version,
        CASE WHEN products.status = 'active' AND NOT variants.archived THEN variants.price END,
        products.currency, products.updated_at
    FROM variants JOIN products ON products.id = variants.product_id;

-- The lowest price of the 30 days before the price was reduced. It is not known of reductions that are there already.
ALTER TABLE variants ADD COLUMN lowest_price_30_days bigint;
