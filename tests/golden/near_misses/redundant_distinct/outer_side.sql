-- An outer join repeats NULL.

-- original
SELECT DISTINCT c.id FROM orders AS o LEFT JOIN customers AS c ON o.customer = c.id WHERE c.id IS NULL

-- expected
SELECT c.id FROM orders AS o LEFT JOIN customers AS c ON o.customer = c.id WHERE c.id IS NULL
