-- Under NOT, the two differ where the day is NULL and the text is none of strftime.
-- values $1: '2024-1'

-- original
SELECT count(*) FROM orders WHERE NOT strftime(day, '%Y-%m') = '2024-01'

-- expected
SELECT count(*) FROM orders WHERE NOT (day >= CAST(try_strptime($1, '%Y-%m') AS DATE) AND day < CAST(try_strptime($1, '%Y-%m') + INTERVAL '1' MONTH AS DATE) AND strftime(try_strptime($1, '%Y-%m'), '%Y-%m') = $1)
