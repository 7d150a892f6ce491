-- Nor does an outer one, for the rows that it keeps.

-- original
SELECT DISTINCT o.id, c.name FROM orders AS o LEFT JOIN customers AS c ON o.customer = c.id

-- expected
SELECT o.id, c.name FROM orders AS o LEFT JOIN customers AS c ON o.customer = c.id
