-- How many rows a list has for each combination of the values that it is filtered by, so that nobody counts them, and how
-- often rows of the combination changed. The changes of a list, added up, are its generation: while it is the same, so is the
-- list. Changed together with the rows. (`slot` is 0 here; on Postgres a combination has several rows, of which a transaction
-- changes one.)
CREATE TABLE list_counts (
    list TEXT NOT NULL,
    key_1 TEXT NOT NULL,
    key_2 TEXT NOT NULL,
    key_3 TEXT NOT NULL,
    slot INTEGER NOT NULL,
    total INTEGER NOT NULL,
    changes INTEGER NOT NULL,
    PRIMARY KEY (list, key_1, key_2, key_3, slot)
) STRICT, WITHOUT ROWID;

INSERT INTO list_counts (list, key_1, key_2, key_3, slot, total, changes)
    SELECT 'orders', status, payment_status, fulfillment_status, 0, count(*), 0 FROM orders GROUP BY 2, 3, 4;
INSERT INTO list_counts (list, key_1, key_2, key_3, slot, total, changes)
    SELECT 'payments', state, gateway, '', 0, count(*), 0 FROM payments GROUP BY 2, 3;
INSERT INTO list_counts (list, key_1, key_2, key_3, slot, total, changes)
    SELECT 'movements', lower(hex(location_id)), '', '', 0, count(*), 0 FROM movements GROUP BY 2;
INSERT INTO list_counts (list, key_1, key_2, key_3, slot, total, changes)
    SELECT 'users', CAST(is_active AS TEXT), CAST(is_staff AS TEXT), '', 0, count(*), 0 FROM users GROUP BY 2, 3;
