-- A month without its year is no range.

-- original
SELECT count(*) FROM orders WHERE strftime(day, '%m') = '01'

-- expected
none
