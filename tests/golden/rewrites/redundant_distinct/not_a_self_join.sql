-- A table joined with itself by no key repeats rows.

-- original
SELECT DISTINCT a.id FROM orders AS a JOIN orders AS b ON a.customer = b.customer

-- expected
none
