-- Promotions with what counts their uses, rates of tax, the coupons of a cart, and why an order costs what it costs.

CREATE TABLE promotions (
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    name TEXT NOT NULL,
    code TEXT,
    code_key TEXT UNIQUE,
    currency TEXT NOT NULL,
    offer TEXT NOT NULL CHECK (json_valid(offer)),
    min_subtotal INTEGER,
    product_ids TEXT NOT NULL CHECK (json_valid(product_ids)),
    category_ids TEXT NOT NULL CHECK (json_valid(category_ids)),
    customer_ids TEXT NOT NULL CHECK (json_valid(customer_ids)),
    first_order_only INTEGER NOT NULL,
    starts_at INTEGER,
    ends_at INTEGER,
    usage_limit INTEGER,
    usage_limit_per_customer INTEGER,
    combinable INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    active INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX promotions_created_at ON promotions (created_at, id);
CREATE INDEX promotions_active ON promotions (active, created_at, id);
-- The few that apply by themselves among the many coupons.
CREATE INDEX promotions_automatic ON promotions (id) WHERE active = 1 AND code_key IS NULL;

-- How many orders were placed and not canceled: with a promotion, with a promotion by an e-mail address, and, under the
-- nil id, by an e-mail address at all. No row is as good as 0; a promotion that goes leaves its rows.
CREATE TABLE promotion_uses (
    promotion_id BLOB NOT NULL CHECK (length(promotion_id) = 16),
    customer TEXT NOT NULL,
    uses INTEGER NOT NULL CHECK (uses >= 0),
    PRIMARY KEY (promotion_id, customer)
) STRICT, WITHOUT ROWID;

CREATE TABLE tax_rates (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name TEXT NOT NULL,
    tax_class TEXT NOT NULL,
    country TEXT NOT NULL,
    region TEXT,
    region_key TEXT NOT NULL,
    rate INTEGER NOT NULL,
    applies_to_shipping INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    UNIQUE (country, tax_class, region_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX tax_rates_created_at ON tax_rates (created_at);

ALTER TABLE carts ADD COLUMN coupons TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(coupons));
ALTER TABLE orders ADD COLUMN explanation TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(explanation));

-- The orders that are there already count for "first order only".
INSERT INTO promotion_uses (promotion_id, customer, uses)
    SELECT zeroblob(16), email_key, count(*) FROM orders WHERE status <> 'canceled' GROUP BY email_key;
