-- Goods of orders that come back.

CREATE TABLE order_returns (
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    order_id BLOB NOT NULL,
    currency TEXT NOT NULL,
    items TEXT NOT NULL CHECK (json_valid(items)),
    note TEXT NOT NULL,
    status TEXT NOT NULL,
    rejection TEXT NOT NULL,
    restocked INTEGER NOT NULL,
    refund_amount INTEGER NOT NULL,
    amount_refunded INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    CHECK (amount_refunded BETWEEN 0 AND refund_amount)
) STRICT;
CREATE INDEX order_returns_order ON order_returns (order_id, created_at, id);
CREATE INDEX order_returns_created_at ON order_returns (created_at, id);
CREATE INDEX order_returns_status ON order_returns (status, created_at, id);
