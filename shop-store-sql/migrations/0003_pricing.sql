-- Promotions with what counts their uses, rates of tax, the coupons of a cart, and why an order costs what it costs.

CREATE TABLE promotions (
    id uuid NOT NULL CONSTRAINT promotions_id PRIMARY KEY,
    name text NOT NULL,
    code text,
    code_key text COLLATE "C" CONSTRAINT promotions_code UNIQUE,
    currency text COLLATE "C" NOT NULL,
    offer json NOT NULL,
    min_subtotal bigint,
    product_ids json NOT NULL,
    category_ids json NOT NULL,
    customer_ids json NOT NULL,
    first_order_only boolean NOT NULL,
    starts_at timestamptz,
    ends_at timestamptz,
    usage_limit bigint,
    usage_limit_per_customer bigint,
    combinable boolean NOT NULL,
    priority bigint NOT NULL,
    active boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version bigint NOT NULL
);
CREATE INDEX promotions_created_at ON promotions (created_at, id);
CREATE INDEX promotions_active ON promotions (active, created_at, id);
-- The few that apply by themselves among the many coupons.
CREATE INDEX promotions_automatic ON promotions (id) WHERE active AND code_key IS NULL;

-- How many orders were placed and not canceled: with a promotion, with a promotion by an e-mail address, and, under the
-- nil id, by an e-mail address at all. No row is as good as 0; a promotion that goes leaves its rows. Half of each page is
-- left free, and no index holds a count, as for stock. What would pass a limit is written and then taken back with its
-- transaction, so no CHECK may be in the way.
CREATE TABLE promotion_uses (
    promotion_id uuid NOT NULL,
    customer text COLLATE "C" NOT NULL,
    uses bigint NOT NULL,
    CONSTRAINT promotion_uses_key PRIMARY KEY (promotion_id, customer)
) WITH (fillfactor = 50);

CREATE TABLE tax_rates (
    id uuid NOT NULL CONSTRAINT tax_rates_id PRIMARY KEY,
    name text NOT NULL,
    tax_class text COLLATE "C" NOT NULL,
    country text COLLATE "C" NOT NULL,
    region text,
    region_key text COLLATE "C" NOT NULL,
    rate bigint NOT NULL,
    applies_to_shipping boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT tax_rates_place UNIQUE (country, tax_class, region_key)
);
CREATE INDEX tax_rates_created_at ON tax_rates (created_at, id);

ALTER TABLE carts ADD COLUMN coupons json NOT NULL DEFAULT '[]';
ALTER TABLE orders ADD COLUMN explanation json NOT NULL DEFAULT '{}';

-- The orders that are there already count for "first order only".
INSERT INTO promotion_uses (promotion_id, customer, uses)
    SELECT '00000000-0000-0000-0000-000000000000', email_key, count(*) FROM orders
    WHERE status <> 'canceled' GROUP BY email_key;
