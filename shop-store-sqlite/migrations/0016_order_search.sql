-- What staff search orders by: number, e-mail address, names and skus, folded (`Order::search_text`). The program fills it in
-- for the orders that are there. A search reads the index alone, and looks up the rows of the page. Lists by time read it, too:
-- an order is written to one index of this kind.

ALTER TABLE orders ADD COLUMN search_text TEXT NOT NULL DEFAULT '';
CREATE INDEX orders_search ON orders (placed_at, id, email_key, search_text);
DROP INDEX orders_placed_at;
