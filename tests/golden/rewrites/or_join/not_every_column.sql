-- A * would return the columns of the union.

-- original
SELECT * FROM orders AS o JOIN customers AS c ON o.id = c.first_order OR o.id = c.last_order

-- expected
none
