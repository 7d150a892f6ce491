-- An order above it makes its own.

-- original
SELECT id, status FROM (SELECT id, status FROM orders ORDER BY day) AS t ORDER BY id

-- expected
SELECT id, status FROM (SELECT id, status FROM orders) AS t ORDER BY id
