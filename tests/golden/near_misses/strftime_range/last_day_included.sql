-- The end of the range is not part of it.

-- original
SELECT count(*) FROM orders WHERE strftime(day, '%Y-%m') = '2024-01'

-- expected
SELECT count(*) FROM orders WHERE day >= CAST(try_strptime($1, '%Y-%m') AS DATE) AND day <= CAST(try_strptime($1, '%Y-%m') + INTERVAL '1' MONTH AS DATE)
