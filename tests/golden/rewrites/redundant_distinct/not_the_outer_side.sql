-- Rows without a partner repeat NULL as their key.

-- original
SELECT DISTINCT c.id FROM orders AS o LEFT JOIN customers AS c ON o.customer = c.id

-- expected
none
