-- In a correlated subquery as well.

-- original
SELECT name FROM customers WHERE EXISTS (SELECT 1 FROM orders WHERE customer = customers.id AND strftime(day, '%Y-%m') = '2024-01')

-- expected
SELECT name FROM customers WHERE EXISTS(SELECT $1 FROM orders WHERE customer = customers.id AND day >= CAST(try_strptime($2, '%Y-%m') AS DATE) AND day < CAST(try_strptime($2, '%Y-%m') + INTERVAL '1' MONTH AS DATE) AND strftime(try_strptime($2, '%Y-%m'), '%Y-%m') = $2)
