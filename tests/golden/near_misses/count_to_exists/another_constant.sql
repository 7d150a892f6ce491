-- EXISTS is a count of more than 0, not of more than 1.

-- original
SELECT name FROM customers WHERE (SELECT count(*) FROM orders WHERE orders.customer = customers.id) > 1

-- expected
SELECT name FROM customers WHERE EXISTS(SELECT 1 FROM orders WHERE orders.customer = customers.id)
