-- How many of what is held, or left, were promised before they lay there and have not come since: the open backorders.
ALTER TABLE stock_levels ADD COLUMN backordered bigint NOT NULL DEFAULT 0
    CONSTRAINT stock_levels_backordered CHECK (backordered >= 0);
UPDATE stock_levels SET backordered = reserved - on_hand WHERE reserved > on_hand;
