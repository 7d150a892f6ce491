-- An INSERT that names no columns would fail.

-- original
SELECT count(*) AS found FROM orders WHERE strftime(day, '%Y-%m') = '2024-01'

-- original
INSERT INTO orders VALUES (1, 2)

-- expected
none
