-- A FILTER stays where the rows are.
-- values $1: 'q' | NULL

-- original
SELECT date_trunc('year', day) AS year, count(*) FILTER (WHERE status = 'a') AS a, avg(pieces) FILTER (WHERE amount > 0) + 1 AS pieces FROM orders GROUP BY ALL

-- expected
SELECT date_trunc('year', day_value) AS year, CAST(sum(count_value) AS BIGINT) AS a, (sum(sum_value) / sum(count_value_2)) + $3 AS pieces FROM (SELECT day AS day_value, count(*) FILTER(WHERE status = $1) AS count_value, sum(pieces) FILTER(WHERE amount > $2) AS sum_value, count(pieces) FILTER(WHERE amount > $2) AS count_value_2 FROM orders GROUP BY day) AS grouped GROUP BY ALL
