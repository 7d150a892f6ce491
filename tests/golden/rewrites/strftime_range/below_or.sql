-- Below OR, NULL and FALSE are the same as well.
-- values $1: '2024-1-5' | '2023-12-31' | NULL

-- original
SELECT id FROM orders WHERE strftime(day, '%Y-%m-%d') = '2024-01-05' OR pieces = 2

-- expected
SELECT id FROM orders WHERE day >= CAST(try_strptime($1, '%Y-%m-%d') AS DATE) AND day < CAST(try_strptime($1, '%Y-%m-%d') + INTERVAL '1' DAY AS DATE) AND strftime(try_strptime($1, '%Y-%m-%d'), '%Y-%m-%d') = $1 OR pieces = $2
