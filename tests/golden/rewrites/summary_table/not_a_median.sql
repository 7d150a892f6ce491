-- A median cannot be put together.

-- original
SELECT status, median(amount) AS amount FROM orders GROUP BY status

-- expected
none
