-- Reservations of a sku are those of its variant. Entries in the order of skus fell on as many pages of the index as an
-- order has lines, and every page goes into the log: a sixth of what placing an order cost.
DROP INDEX reservations_sku;
