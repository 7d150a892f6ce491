-- One summary answers queries with other groups and filters.

-- original
SELECT status, count(*) AS orders FROM orders WHERE day >= '2024-01-01' AND day < DATE '2024-01-01' + INTERVAL 1 MONTH GROUP BY status

-- original
SELECT date_trunc('month', day) AS month, sum(amount) AS amount FROM orders GROUP BY month ORDER BY month

-- original
SELECT count(*) AS found FROM orders WHERE status = 'a'

-- create
CREATE TABLE "main"."orders_by_status_day" AS SELECT "orders"."status" AS "status", "orders"."day" AS "day", count(*) AS "row_count", sum("orders"."amount") AS "sum_amount" FROM "main"."orders" AS "orders" GROUP BY 1, 2

-- expected
SELECT status, CAST(sum(row_count) AS BIGINT) AS orders FROM orders_by_status_day WHERE day >= $1 AND day < CAST($2 AS DATE) + INTERVAL '$3' MONTH GROUP BY status

-- expected
SELECT date_trunc('month', day) AS month, sum(sum_amount) AS amount FROM orders_by_status_day GROUP BY month ORDER BY month

-- expected
SELECT CAST(coalesce(sum(row_count), 0) AS BIGINT) AS found FROM orders_by_status_day WHERE status = $1
