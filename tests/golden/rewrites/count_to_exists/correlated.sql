-- Whether there is one needs no count.

-- original
SELECT name FROM customers WHERE (SELECT count(*) FROM orders WHERE orders.customer = customers.id AND pieces > 1) > 0

-- expected
SELECT name FROM customers WHERE EXISTS(SELECT 1 FROM orders WHERE orders.customer = customers.id AND pieces > $1)
