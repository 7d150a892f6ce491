-- A count of a column leaves NULL out.

-- original
SELECT name FROM customers WHERE (SELECT count(pieces) FROM orders WHERE orders.customer = customers.id) > 0

-- expected
none
