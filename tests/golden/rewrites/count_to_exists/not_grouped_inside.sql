-- A subquery with groups may have no row.

-- original
SELECT name FROM customers WHERE (SELECT count(*) FROM orders WHERE orders.customer = customers.id GROUP BY orders.customer) > 0

-- expected
none
