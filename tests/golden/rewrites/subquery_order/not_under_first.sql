-- first() depends on the order.

-- original
SELECT status, first(id) AS one FROM (SELECT status, id FROM orders ORDER BY day, id) AS t GROUP BY status

-- expected
none
