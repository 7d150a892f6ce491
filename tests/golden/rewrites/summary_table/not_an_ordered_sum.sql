-- A sum of floats in an order is not that of sums.

-- original
SELECT status, sum(price ORDER BY abs(price)) AS price FROM orders GROUP BY status

-- expected
none
