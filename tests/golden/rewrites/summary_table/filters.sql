-- FILTER over group keys stays; a count that finds no row is 0.
-- values $1: 'q' | NULL
-- values $3: '0001-01-01'

-- original
SELECT count(*) FILTER (WHERE status = 'a') AS a, sum(pieces) FILTER (WHERE status <> 'a') AS others, avg(amount) AS amount FROM orders WHERE day < '2024-06-01'

-- create
CREATE TABLE "main"."orders_by_day_status" AS SELECT "orders"."day" AS "day", "orders"."status" AS "status", count(*) AS "row_count", sum("orders"."pieces") AS "sum_pieces", sum("orders"."amount") AS "sum_amount", count("orders"."amount") AS "count_amount" FROM "main"."orders" AS "orders" GROUP BY 1, 2

-- expected
SELECT CAST(coalesce(sum(row_count) FILTER(WHERE status = $1), 0) AS BIGINT) AS a, sum(sum_pieces) FILTER(WHERE status <> $2) AS others, sum(sum_amount) / sum(count_amount) AS amount FROM orders_by_day_status WHERE day < $3
