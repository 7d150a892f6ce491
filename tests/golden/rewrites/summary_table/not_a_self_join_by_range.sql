-- Tables joined by no equality are not joined in a summary.

-- original
SELECT a.status, count(*) AS found FROM orders AS a JOIN customers AS b ON a.id < b.code GROUP BY a.status

-- expected
none
