-- Rows without a key repeat.

-- original
SELECT DISTINCT customer, status FROM orders

-- expected
SELECT customer, status FROM orders
