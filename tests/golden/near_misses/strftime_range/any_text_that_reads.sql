-- Without the last condition, a text that strftime cannot return finds rows.
-- values $1: '2024-1'

-- original
SELECT count(*) FROM orders WHERE strftime(day, '%Y-%m') = '2024-01'

-- expected
SELECT count(*) FROM orders WHERE day >= CAST(try_strptime($1, '%Y-%m') AS DATE) AND day < CAST(try_strptime($1, '%Y-%m') + INTERVAL '1' MONTH AS DATE)
