-- A join with a whole key repeats no row.

-- original
SELECT DISTINCT o.id, c.name FROM orders AS o JOIN customers AS c ON o.customer = c.id

-- expected
SELECT o.id, c.name FROM orders AS o JOIN customers AS c ON o.customer = c.id
