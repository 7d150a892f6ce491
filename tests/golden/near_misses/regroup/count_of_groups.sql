-- A count of groups is none of rows.

-- original
SELECT strftime(day, '%Y') AS year, count(*) AS found FROM orders GROUP BY year

-- expected
SELECT strftime(d, '%Y') AS year, count(*) AS found FROM (SELECT day AS d, count(*) AS n FROM orders GROUP BY day) AS g GROUP BY year
