-- Sub-totals are groups of several kinds.

-- original
SELECT status, count(*) AS found FROM orders GROUP BY ROLLUP (status)

-- expected
none
