-- A count of each group is another.

-- original
SELECT count(*) > 0 AS found FROM orders GROUP BY status

-- expected
none
