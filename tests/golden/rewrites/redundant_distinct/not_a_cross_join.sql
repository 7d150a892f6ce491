-- A join without a condition repeats rows.

-- original
SELECT DISTINCT o.id FROM orders AS o, customers AS c

-- expected
none
