-- Nor whether a row is there.

-- original
SELECT name FROM customers WHERE EXISTS (SELECT DISTINCT status FROM orders WHERE customer = customers.id)

-- expected
SELECT name FROM customers WHERE EXISTS(SELECT status FROM orders WHERE customer = customers.id)
