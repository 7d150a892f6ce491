-- The next year is not part of it.

-- original
SELECT id FROM orders WHERE year(day) = 2024

-- expected
SELECT id FROM orders WHERE day >= make_date($1, 1, 1) AND day <= make_date($1 + 1, 1, 1)
