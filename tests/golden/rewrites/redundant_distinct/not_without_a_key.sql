-- Without a key, rows may repeat.

-- original
SELECT DISTINCT customer, status FROM orders

-- expected
none
