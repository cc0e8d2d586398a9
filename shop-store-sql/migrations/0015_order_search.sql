-- What staff search orders by: number, e-mail address, names and skus, folded (`Order::search_text`). The program fills it in
-- for the orders that are there.

ALTER TABLE orders ADD COLUMN search_text text COLLATE "C" NOT NULL DEFAULT '';
