-- The year of a date is no costly function.

-- original
SELECT year(day) AS year, count(*) AS found FROM orders GROUP BY year

-- expected
none
