-- strftime of 2,500 days instead of 3 million.
-- values $1: 'q' | NULL

-- original
SELECT strftime(day, '%Y-%m') AS month, count(*) AS orders, sum(amount) AS amount, avg(pieces) AS pieces, min(moment) AS first, max(price) AS most FROM orders WHERE status <> 'b' GROUP BY month ORDER BY month

-- expected
SELECT strftime(day_value, '%Y-%m') AS month, CAST(sum(count_value) AS BIGINT) AS orders, sum(sum_value) AS amount, sum(sum_value_2) / sum(count_value_2) AS pieces, min(min_value) AS first, max(max_value) AS most FROM (SELECT day AS day_value, count(*) AS count_value, sum(amount) AS sum_value, sum(pieces) AS sum_value_2, count(pieces) AS count_value_2, min(moment) AS min_value, max(price) AS max_value FROM orders WHERE status <> $1 GROUP BY day) AS grouped GROUP BY month ORDER BY month
