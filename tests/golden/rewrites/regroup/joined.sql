-- Below a join as well.

-- original
SELECT strftime(o.day, '%Y') AS year, count(*) AS found FROM orders AS o JOIN customers AS c ON c.id = o.customer WHERE c.name = 'ann' GROUP BY year

-- expected
SELECT strftime(day_value, '%Y') AS year, CAST(sum(count_value) AS BIGINT) AS found FROM (SELECT o.day AS day_value, count(*) AS count_value FROM orders AS o JOIN customers AS c ON c.id = o.customer WHERE c.name = $1 GROUP BY o.day) AS grouped GROUP BY year
