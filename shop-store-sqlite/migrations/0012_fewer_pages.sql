-- Every page that an order changes goes into the log, is synced, and is copied into the file later; and each index takes an
-- entry more. So what staff alone look for, and seldom, has no index of its own: it is found by reading one that is narrow,
-- and only the rows of the page are looked up.

-- Also by address: the index is read in the order of time.
DROP INDEX orders_email;
DROP INDEX orders_placed_at;
CREATE INDEX orders_placed_at ON orders (placed_at, id, email_key);

-- By the number of digits and the first of them (no total is negative): what shares both is sorted when it is listed.
DROP INDEX orders_total;
CREATE INDEX orders_total ON orders (length(total) * 10 + substr(total, 1, 1), placed_at, id, total);

-- Also by variant, and the live ones.
DROP INDEX reservations_variant;
DROP INDEX reservations_live;
DROP INDEX reservations_created_at;
CREATE INDEX reservations_created_at ON reservations (created_at, id, variant_id, status);

-- Also by gateway, in a state or in any.
DROP INDEX payments_gateway;
DROP INDEX payments_created_at;
CREATE INDEX payments_created_at ON payments (created_at, id, gateway, state);

-- Those of an order, and that one of them at most is live.
DROP INDEX payments_order;
DROP INDEX payments_live;
CREATE UNIQUE INDEX payments_order ON payments (
    order_id,
    CASE WHEN state IN ('pending', 'requires_action', 'authorized', 'captured') THEN x'' ELSE id END
);
