-- Nor does whether it is in none, with NULL among them.

-- original
SELECT name FROM customers WHERE id NOT IN (SELECT DISTINCT customer FROM orders)

-- expected
SELECT name FROM customers WHERE NOT id IN (SELECT customer FROM orders)
