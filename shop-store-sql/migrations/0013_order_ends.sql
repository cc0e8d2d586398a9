-- What of an order was canceled after it was placed; its totals stay as they were agreed.
ALTER TABLE orders ADD COLUMN canceled_items json NOT NULL DEFAULT '[]';

-- Whether its payment need not come before it ships; then `hold_until` only says when it is canceled. Orders from before are
-- not canceled by it.
ALTER TABLE orders ADD COLUMN ships_unpaid boolean NOT NULL DEFAULT false;
