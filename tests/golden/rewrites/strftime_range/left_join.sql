-- In the condition of an outer join, only TRUE counts.
-- values $1: '2023-12' | 'x' | NULL

-- original
SELECT c.id, o.id AS number FROM customers AS c LEFT JOIN orders AS o ON o.customer = c.id AND strftime(o.day, '%Y-%m') = '2024-01'

-- expected
SELECT c.id, o.id AS number FROM customers AS c LEFT JOIN orders AS o ON o.customer = c.id AND o.day >= CAST(try_strptime($1, '%Y-%m') AS DATE) AND o.day < CAST(try_strptime($1, '%Y-%m') + INTERVAL '1' MONTH AS DATE) AND strftime(try_strptime($1, '%Y-%m'), '%Y-%m') = $1
