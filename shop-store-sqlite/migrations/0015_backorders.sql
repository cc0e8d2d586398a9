-- How many of what is held, or left, were promised before they lay there and have not come since: the open backorders.
ALTER TABLE stock_levels ADD COLUMN backordered INTEGER NOT NULL DEFAULT 0 CHECK (backordered >= 0);
UPDATE stock_levels SET backordered = reserved - on_hand WHERE reserved > on_hand;
