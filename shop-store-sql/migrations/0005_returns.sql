-- Goods of orders that come back.

CREATE TABLE order_returns (
    id uuid NOT NULL CONSTRAINT order_returns_id PRIMARY KEY,
    order_id uuid NOT NULL,
    currency text NOT NULL,
    items json NOT NULL,
    note text NOT NULL,
    status text COLLATE "C" NOT NULL,
    rejection text NOT NULL,
    restocked boolean NOT NULL,
    refund_amount bigint NOT NULL,
    amount_refunded bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT order_returns_amounts CHECK (amount_refunded BETWEEN 0 AND refund_amount)
);
CREATE INDEX order_returns_order ON order_returns (order_id, created_at, id);
CREATE INDEX order_returns_created_at ON order_returns (created_at, id);
CREATE INDEX order_returns_status ON order_returns (status, created_at, id);
