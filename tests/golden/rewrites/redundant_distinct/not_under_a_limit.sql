-- A LIMIT counts the rows.

-- original
SELECT name FROM customers WHERE id IN (SELECT DISTINCT customer FROM orders ORDER BY customer LIMIT 2)

-- expected
none
