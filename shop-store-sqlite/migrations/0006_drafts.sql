-- Orders that staff put together, and notes that only they see.

CREATE TABLE draft_orders (
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    customer_id BLOB,
    email TEXT,
    currency TEXT NOT NULL,
    items TEXT NOT NULL CHECK (json_valid(items)),
    note TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX draft_orders_created_at ON draft_orders (created_at, id);

ALTER TABLE order_history ADD COLUMN visible INTEGER NOT NULL DEFAULT 1;
