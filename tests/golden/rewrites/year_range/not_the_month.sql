-- A month without its year is no range.

-- original
SELECT id FROM orders WHERE month(day) = 1

-- expected
none
