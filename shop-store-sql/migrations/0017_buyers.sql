-- What promotions count of a customer is counted of accounts, by the digits of the account's id; guests' orders count no more.
-- And, under a promotion of its own, how many orders of an account or of a guest's address wait for their payment.

DELETE FROM promotion_uses WHERE customer <> '';

INSERT INTO promotion_uses (promotion_id, customer, uses)
    SELECT '00000000-0000-0000-0000-000000000000', replace(customer_id::text, '-', ''), count(*) FROM orders
    WHERE status <> 'canceled' AND customer_id IS NOT NULL GROUP BY customer_id;

INSERT INTO promotion_uses (promotion_id, customer, uses)
    SELECT (used.value ->> 'promotion_id')::uuid, replace(orders.customer_id::text, '-', ''), count(*)
    FROM orders, json_array_elements(coalesce(orders.explanation -> 'promotions', '[]')) AS used (value)
    WHERE orders.status <> 'canceled' AND orders.customer_id IS NOT NULL GROUP BY 1, 2;

INSERT INTO promotion_uses (promotion_id, customer, uses)
    SELECT '00000000-0000-0000-0000-000000000001', coalesce(replace(customer_id::text, '-', ''), email_key), count(*)
    FROM orders WHERE payment_status = 'not_paid' GROUP BY 2;
