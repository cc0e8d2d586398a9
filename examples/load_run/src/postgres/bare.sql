-- What placing an order of two lines writes, in one round trip: the limit that orders on Postgres are measured against.
-- The rows, tables and indexes are those of the shop. It reads nothing that it does not need, and decides nothing.

CREATE TABLE bare_goods AS
    SELECT row_number() OVER (ORDER BY variants.id) - 1 AS number, variants.id AS variant, product_id AS product,
        sku, location_id AS location
    FROM (SELECT DISTINCT ON (product_id) * FROM variants ORDER BY product_id, id) AS variants
    JOIN (SELECT variant_id, location_id FROM stock_levels) AS levels ON levels.variant_id = variants.id;
ALTER TABLE bare_goods ADD PRIMARY KEY (number);

CREATE SEQUENCE bare_order CACHE 1;

INSERT INTO carts (id, customer_id, currency, status, items, created_at, updated_at, version)
    SELECT lpad(to_hex(number), 32, '0')::uuid, lpad(to_hex(number), 32, '0')::uuid, 'USD', 'open',
        '[{"id":"01989a2e-0000-7000-8000-000000000001","variant_id":"01989a2e-0000-7000-8000-000000000002","quantity":1},{"id":"01989a2e-0000-7000-8000-000000000003","variant_id":"01989a2e-0000-7000-8000-000000000004","quantity":1}]',
        now(), now(), 1
    FROM generate_series(1, 300000) AS number;

CREATE FUNCTION bare_place(hot boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    number bigint := nextval('bare_order');
    cart uuid := lpad(to_hex(number), 32, '0')::uuid;
    stem text := lpad(to_hex(number), 31, '0');
    at timestamptz := clock_timestamp();
    sold bigint := (SELECT count FROM bare_count);
    first bigint := CASE WHEN hot THEN 0 ELSE number * 37 % sold END;
    second bigint := CASE WHEN hot THEN 1 ELSE (number * 37 + 501) % sold END;
    -- Every order takes its two levels in the same order, so that no two can block each other.
    one bare_goods := (SELECT goods FROM bare_goods AS goods WHERE goods.number = least(first, second));
    other bare_goods := (SELECT goods FROM bare_goods AS goods WHERE goods.number = greatest(first, second));
    place json := '{"first_name":"Ada","last_name":"Lovelace","company":null,"line1":"12 St James''s Square","line2":null,"city":"New York","region":"NY","postal_code":"10001","country":"US","phone":null}';
    options json := '{"color":"black","size":"M"}';
    order_id uuid := (stem || '1')::uuid;
BEGIN
    INSERT INTO operations (id, at) VALUES ((stem || '0')::uuid, at);
    UPDATE carts SET status = 'ordered', updated_at = at, version = version + 1 WHERE id = cart AND version = 1;
    IF NOT FOUND THEN RAISE 'no cart'; END IF;
    INSERT INTO orders (id, number, cart_id, customer_id, email, email_key, currency, subtotal, discount_total,
        shipping_total, shipping_tax, tax_total, total, amount_paid, amount_refunded, shipping_address,
        billing_address, shipping_method, status, payment_status, fulfillment_status, note, placed_at, canceled_at,
        hold_until, updated_at, version)
    VALUES (order_id, 'B' || number, cart, cart, 'customer' || number || '@example.com',
        'customer' || number || '@example.com', 'USD', 3998, 0, 499, 0, 0, 4497, 0, 0, place, place,
        '{"id":"01989a2e-0000-7000-8000-000000000005","name":"Standard","price":499,"carrier":"UPS"}',
        'placed', 'not_paid', 'unfulfilled', '', at, NULL, NULL, at, 1);
    INSERT INTO order_items (order_id, position, id, product_id, variant_id, sku, name, options, unit_price, quantity,
        discount, tax, line_total)
    VALUES (order_id, 0, (stem || '2')::uuid, one.product, one.variant, one.sku, 'Shirt number 100 for every day', options, 1999, 1, 0, 0, 1999),
        (order_id, 1, (stem || '3')::uuid, other.product, other.variant, other.sku, 'Shirt number 100 for every day', options, 1999, 1, 0, 0, 1999);
    UPDATE stock_levels SET reserved = reserved + 1
        WHERE variant_id = one.variant AND location_id = one.location AND on_hand - reserved >= 1;
    IF NOT FOUND THEN RAISE 'no stock'; END IF;
    UPDATE stock_levels SET reserved = reserved + 1
        WHERE variant_id = other.variant AND location_id = other.location AND on_hand - reserved >= 1;
    IF NOT FOUND THEN RAISE 'no stock'; END IF;
    INSERT INTO reservations (id, order_id, order_item_id, variant_id, sku, location_id, quantity, remaining, status,
        created_at, version)
    VALUES ((stem || '4')::uuid, order_id, (stem || '2')::uuid, one.variant, one.sku, one.location, 1, 1, 'committed', at, 1),
        ((stem || '5')::uuid, order_id, (stem || '3')::uuid, other.variant, other.sku, other.location, 1, 1, 'committed', at, 1);
    INSERT INTO payments (id, order_id, gateway, amount, currency, state, amount_authorized, amount_captured,
        amount_refunded, gateway_reference, failure, created_at, updated_at, version)
    VALUES ((stem || '6')::uuid, order_id, 'manual', 4497, 'USD', 'pending', 0, 0, 0, NULL, NULL, at, at, 1);
    INSERT INTO order_history (id, order_id, at, event, actor, detail)
    VALUES ((stem || '7')::uuid, order_id, at, 'placed', 'customer', 'Order B' || number || ' was placed.');
    INSERT INTO events (id, kind, thing, data, at)
    VALUES ((stem || '8')::uuid, 'order.placed', order_id, json_build_object('number', 'B' || number, 'status', 'placed',
        'total', '44.97', 'customer_id', cart, 'currency', 'USD', 'items', json_build_array(
            json_build_object('product_id', one.product, 'variant_id', one.variant, 'sku', one.sku, 'quantity', 1,
                'unit_price', '19.99', 'line_total', '19.99'),
            json_build_object('product_id', other.product, 'variant_id', other.variant, 'sku', other.sku, 'quantity', 1,
                'unit_price', '19.99', 'line_total', '19.99'))), at);
    INSERT INTO promotion_uses AS counted (promotion_id, customer, uses)
    VALUES ('00000000-0000-0000-0000-000000000000', 'customer' || number % 2048 || '@example.com', 1)
    ON CONFLICT (promotion_id, customer) DO UPDATE SET uses = counted.uses + 1;
END
$$;

CREATE TABLE bare_count AS SELECT count(*) AS count FROM bare_goods;
ANALYZE;
