-- A table joined with itself by its key does not.

-- original
SELECT DISTINCT a.id, b.status FROM orders AS a JOIN orders AS b ON a.customer = b.id

-- expected
SELECT a.id, b.status FROM orders AS a JOIN orders AS b ON a.customer = b.id
