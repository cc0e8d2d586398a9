-- Carts of guests that did not become an order, by their age: those that are left for long are removed.
CREATE INDEX carts_of_guests ON carts (created_at, id) WHERE customer_id IS NULL AND status <> 'ordered';
