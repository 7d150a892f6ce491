-- Another group key goes along.
-- values $1: 0 | 2
-- values $2: 0

-- original
SELECT date_trunc('month', o.day), status, sum(amount * (1 - discount)) AS amount, count(price) AS prices FROM orders AS o GROUP BY 1, 2 HAVING count(*) > 1

-- expected
SELECT date_trunc('month', day_value), status_value AS status, sum(sum_value) AS amount, CAST(sum(count_value) AS BIGINT) AS prices FROM (SELECT o.day AS day_value, status AS status_value, sum(amount * ($1 - discount)) AS sum_value, count(price) AS count_value, count(*) AS count_value_2 FROM orders AS o GROUP BY o.day, status) AS grouped GROUP BY 1, 2 HAVING CAST(sum(count_value_2) AS BIGINT) > $2
