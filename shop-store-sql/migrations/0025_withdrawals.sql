-- What the buyer of an order withdrew from.
ALTER TABLE orders ADD COLUMN withdrawals json NOT NULL DEFAULT '[]';
