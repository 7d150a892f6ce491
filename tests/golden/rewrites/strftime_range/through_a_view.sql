-- A view passes the column on.
-- values $1: '2023-12' | NULL

-- original
SELECT number FROM recent WHERE strftime(month_day, '%Y-%m') = '2024-01'

-- expected
SELECT number FROM recent WHERE month_day >= CAST(try_strptime($1, '%Y-%m') AS DATE) AND month_day < CAST(try_strptime($1, '%Y-%m') + INTERVAL '1' MONTH AS DATE) AND strftime(try_strptime($1, '%Y-%m'), '%Y-%m') = $1
