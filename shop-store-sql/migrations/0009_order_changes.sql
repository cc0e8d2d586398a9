-- When an order was changed last, so that the next change tells of it later. (Of orders from before it is not known.)

ALTER TABLE orders ADD COLUMN updated_at timestamptz NOT NULL DEFAULT 'epoch';
