-- A sum of floats in an order is not that of sums.

-- original
SELECT strftime(day, '%Y') AS year, sum(price ORDER BY abs(price)) AS price FROM orders GROUP BY year

-- expected
none
