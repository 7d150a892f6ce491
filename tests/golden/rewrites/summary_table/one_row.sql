-- A summary may be of one row, and is so also of no rows.

-- original
SELECT count(*) AS found, sum(pieces) AS pieces, max(day) AS last FROM orders

-- create
CREATE TABLE "main"."orders_by_all" AS SELECT count(*) AS "row_count", sum("orders"."pieces") AS "sum_pieces", max("orders"."day") AS "max_day" FROM "main"."orders" AS "orders"

-- expected
SELECT CAST(coalesce(sum(row_count), 0) AS BIGINT) AS found, sum(sum_pieces) AS pieces, max(max_day) AS last FROM orders_by_all
