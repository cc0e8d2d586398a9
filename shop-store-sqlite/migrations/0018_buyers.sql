-- What promotions count of a customer is counted of accounts, by the digits of the account's id; guests' orders count no more.
-- And, under a promotion of its own, how many orders of an account or of a guest's address wait for their payment.

DELETE FROM promotion_uses WHERE customer <> '';

INSERT INTO promotion_uses (promotion_id, customer, uses)
    SELECT zeroblob(16), lower(hex(customer_id)), count(*) FROM orders
    WHERE status <> 'canceled' AND customer_id IS NOT NULL GROUP BY customer_id;

INSERT INTO promotion_uses (promotion_id, customer, uses)
    SELECT unhex(replace(json_extract(used.value, '$.promotion_id'), '-', '')), lower(hex(orders.customer_id)), count(*)
    FROM orders, json_each(orders.explanation, '$.promotions') AS used
    WHERE orders.status <> 'canceled' AND orders.customer_id IS NOT NULL GROUP BY 1, 2;

INSERT INTO promotion_uses (promotion_id, customer, uses)
    SELECT x'00000000000000000000000000000001',
        CASE WHEN customer_id IS NULL THEN email_key ELSE lower(hex(customer_id)) END, count(*)
    FROM orders WHERE payment_status = 'not_paid' GROUP BY 2;
