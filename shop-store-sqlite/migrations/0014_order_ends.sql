-- What of an order was canceled after it was placed; its totals stay as they were agreed.
ALTER TABLE orders ADD COLUMN canceled_items TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(canceled_items));

-- Whether its payment need not come before it ships; then `hold_until` only says when it is canceled. Orders from before are
-- not canceled by it.
ALTER TABLE orders ADD COLUMN ships_unpaid INTEGER NOT NULL DEFAULT 0;
