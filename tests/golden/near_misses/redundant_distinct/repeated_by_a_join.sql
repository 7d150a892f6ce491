-- A join repeats the key.

-- original
SELECT DISTINCT c.id FROM customers AS c JOIN orders AS o ON o.customer = c.id

-- expected
SELECT c.id FROM customers AS c JOIN orders AS o ON o.customer = c.id
