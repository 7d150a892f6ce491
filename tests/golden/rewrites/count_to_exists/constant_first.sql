-- The constant may stand first.

-- original
SELECT name FROM customers WHERE 0 < (SELECT count(*) FROM orders WHERE orders.customer = customers.id)

-- expected
SELECT name FROM customers WHERE EXISTS(SELECT 1 FROM orders WHERE orders.customer = customers.id)
