-- Groups have no order.

-- original
SELECT status, count(*) AS found, sum(pieces) AS pieces FROM (SELECT status, pieces FROM orders ORDER BY day) AS t GROUP BY status

-- expected
SELECT status, count(*) AS found, sum(pieces) AS pieces FROM (SELECT status, pieces FROM orders) AS t GROUP BY status
