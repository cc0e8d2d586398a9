-- Orders that staff put together, and notes that only they see.

CREATE TABLE draft_orders (
    id uuid NOT NULL CONSTRAINT draft_orders_id PRIMARY KEY,
    customer_id uuid,
    email text,
    currency text COLLATE "C" NOT NULL,
    items json NOT NULL,
    note text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version bigint NOT NULL
);
CREATE INDEX draft_orders_created_at ON draft_orders (created_at, id);

ALTER TABLE order_history ADD COLUMN visible boolean NOT NULL DEFAULT true;
