-- An average that is part of an expression stays one operand.

-- original
SELECT strftime(day, '%Y') AS year, 100 / avg(pieces) FILTER (WHERE status <> 'a') AS a, 5 - avg(amount) * 2 AS b FROM orders GROUP BY year

-- expected
SELECT strftime(day_value, '%Y') AS year, $1 / (sum(sum_value) / sum(count_value)) AS a, $3 - (sum(sum_value_2) / sum(count_value_2)) * $4 AS b FROM (SELECT day AS day_value, sum(pieces) FILTER(WHERE status <> $2) AS sum_value, count(pieces) FILTER(WHERE status <> $2) AS count_value, sum(amount) AS sum_value_2, count(amount) AS count_value_2 FROM orders GROUP BY day) AS grouped GROUP BY year
