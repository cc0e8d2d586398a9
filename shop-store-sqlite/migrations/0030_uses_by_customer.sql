-- An order changes two counts of its customer: all orders, and the unpaid ones. Keyed by customer first, both are on the
-- same page.
CREATE TABLE uses_by_customer (
    customer TEXT NOT NULL,
    promotion_id BLOB NOT NULL CHECK (length(promotion_id) = 16),
    uses INTEGER NOT NULL CHECK (uses >= 0),
    PRIMARY KEY (customer, promotion_id)
) STRICT, WITHOUT ROWID;
INSERT INTO uses_by_customer (customer, promotion_id, uses) SELECT customer, promotion_id, uses FROM promotion_uses;
DROP TABLE promotion_uses;
ALTER TABLE uses_by_customer RENAME TO promotion_uses;
