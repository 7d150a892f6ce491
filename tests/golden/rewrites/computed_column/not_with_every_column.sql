-- A * would return one column more.

-- original
SELECT count(*) AS found FROM orders WHERE strftime(day, '%Y-%m') = '2024-01'

-- original
SELECT * FROM orders WHERE id = 5

-- expected
none
