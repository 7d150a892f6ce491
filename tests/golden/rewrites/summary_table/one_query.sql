-- Counts, sums, averages, least and greatest, put together from groups.

-- original
SELECT status, count(*) AS orders, count(pieces), sum(amount) AS amount, avg(price), min(day) AS first, max(pieces) AS most FROM orders GROUP BY status ORDER BY status

-- create
CREATE TABLE "main"."orders_by_status" AS SELECT "orders"."status" AS "status", count(*) AS "row_count", count("orders"."pieces") AS "count_pieces", sum("orders"."amount") AS "sum_amount", sum("orders"."price") AS "sum_price", count("orders"."price") AS "count_price", min("orders"."day") AS "min_day", max("orders"."pieces") AS "max_pieces" FROM "main"."orders" AS "orders" GROUP BY 1

-- expected
SELECT status, CAST(sum(row_count) AS BIGINT) AS orders, CAST(sum(count_pieces) AS BIGINT), sum(sum_amount) AS amount, sum(sum_price) / sum(count_price), min(min_day) AS first, max(max_pieces) AS most FROM orders_by_status GROUP BY status ORDER BY status
