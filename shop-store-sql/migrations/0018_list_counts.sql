-- How many rows a list has for each combination of the values that it is filtered by, so that nobody counts them, and how
-- often rows of the combination changed. The changes of a list, added up, are its generation: while it is the same, so is the
-- list. Changed together with the rows, by each connection in a slot of its own, so that no row is one that everybody waits
-- for. Half of each page is left free, and no index holds a count, as for stock.
CREATE TABLE list_counts (
    list text COLLATE "C" NOT NULL,
    key_1 text COLLATE "C" NOT NULL,
    key_2 text COLLATE "C" NOT NULL,
    key_3 text COLLATE "C" NOT NULL,
    slot bigint NOT NULL,
    total bigint NOT NULL,
    changes bigint NOT NULL,
    CONSTRAINT list_counts_key PRIMARY KEY (list, key_1, key_2, key_3, slot)
) WITH (fillfactor = 50);

INSERT INTO list_counts (list, key_1, key_2, key_3, slot, total, changes)
    SELECT 'orders', status, payment_status, fulfillment_status, 0, count(*), 0 FROM orders GROUP BY 2, 3, 4;
INSERT INTO list_counts (list, key_1, key_2, key_3, slot, total, changes)
    SELECT 'payments', state, gateway, '', 0, count(*), 0 FROM payments GROUP BY 2, 3;
INSERT INTO list_counts (list, key_1, key_2, key_3, slot, total, changes)
    SELECT 'movements', replace(location_id::text, '-', ''), '', '', 0, count(*), 0 FROM movements GROUP BY 2;
INSERT INTO list_counts (list, key_1, key_2, key_3, slot, total, changes)
    SELECT 'users', is_active::int::text, is_staff::int::text, '', 0, count(*), 0 FROM users GROUP BY 2, 3;
