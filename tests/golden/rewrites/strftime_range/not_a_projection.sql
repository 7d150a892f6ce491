-- As an output, NULL and FALSE differ: left alone.

-- original
SELECT strftime(day, '%Y-%m') = '2024-01' AS january FROM orders

-- expected
none
