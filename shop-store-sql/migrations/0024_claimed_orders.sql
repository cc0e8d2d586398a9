-- When a guest's order became that of an account that proved its address. The guest's token still opens it.
ALTER TABLE orders ADD COLUMN claimed_at timestamptz;
