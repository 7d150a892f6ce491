-- Distinct values cannot be put together.

-- original
SELECT strftime(day, '%Y-%m') AS month, count(DISTINCT customer) AS found FROM orders GROUP BY month

-- expected
none
