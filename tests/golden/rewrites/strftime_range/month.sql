-- A month by strftime is the range of its days.
-- values $1: '2024-1' | '2024-13' | '' | 'x' | NULL | '2023-12' | '0001-01' | '9999-12' | '24-01' | '2024-02'

-- original
SELECT count(*) FROM orders WHERE strftime(day, '%Y-%m') = '2024-01'

-- expected
SELECT count(*) FROM orders WHERE day >= CAST(try_strptime($1, '%Y-%m') AS DATE) AND day < CAST(try_strptime($1, '%Y-%m') + INTERVAL '1' MONTH AS DATE) AND strftime(try_strptime($1, '%Y-%m'), '%Y-%m') = $1
