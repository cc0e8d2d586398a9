-- What a gateway shows and was not asked for, which is for staff only, and when the gateway last answered the buyer.
ALTER TABLE payments ADD COLUMN mismatch text;
ALTER TABLE payments ADD COLUMN confirmed_at timestamptz;
