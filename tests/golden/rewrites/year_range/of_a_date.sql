-- A year is the range of its days.
-- values $1: 1 | 9999 | 2023 | NULL | '2024'

-- original
SELECT count(*) AS found FROM orders WHERE year(day) = 2024

-- expected
SELECT count(*) AS found FROM orders WHERE day >= make_date(CAST($1 AS INT), 1, 1) AND day < make_date(CAST($1 AS INT) + 1, 1, 1)
