-- What the buyer of an order withdrew from.
ALTER TABLE orders ADD COLUMN withdrawals TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(withdrawals));
