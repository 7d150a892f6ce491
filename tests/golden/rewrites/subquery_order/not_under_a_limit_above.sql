-- Rows that tie in the order above might be others under a LIMIT.

-- original
SELECT id FROM (SELECT id, status FROM orders ORDER BY day) AS t ORDER BY status LIMIT 2

-- expected
none
