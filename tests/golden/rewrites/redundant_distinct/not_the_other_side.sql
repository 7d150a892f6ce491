-- The key of the side that a join repeats.

-- original
SELECT DISTINCT c.id, c.name FROM customers AS c JOIN orders AS o ON o.customer = c.id

-- expected
none
