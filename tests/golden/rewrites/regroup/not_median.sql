-- A median cannot be put together.

-- original
SELECT strftime(day, '%Y-%m') AS month, median(amount) AS amount FROM orders GROUP BY month

-- expected
none
