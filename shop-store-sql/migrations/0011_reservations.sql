-- Reservations of a sku are those of its variant: one index less for every line of an order to be written to.
DROP INDEX reservations_sku;
