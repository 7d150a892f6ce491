-- CASE over group keys stays, with sums in its branches.
-- not null: amount, discount
-- values $1: 'q' | NULL

-- original
SELECT day, sum(CASE WHEN status = 'a' OR status = 'b' THEN amount * (1 - discount) WHEN status IS NULL THEN 0 END) AS net, sum(CASE WHEN status = 'a' THEN 1 ELSE 0 END) AS a FROM orders GROUP BY day

-- create
CREATE TABLE "main"."orders_by_day_status" AS SELECT "orders"."day" AS "day", "orders"."status" AS "status", sum("orders"."amount") AS "sum_amount", sum(("orders"."amount" * "orders"."discount")) AS "sum_amount_discount", count(*) AS "row_count" FROM "main"."orders" AS "orders" GROUP BY 1, 2

-- expected
SELECT day, sum(CASE WHEN status = $1 OR status = $2 THEN $3 * sum_amount - sum_amount_discount WHEN status IS NULL THEN $4 * row_count END) AS net, sum(CASE WHEN status = $5 THEN $6 * row_count ELSE $7 * row_count END) AS a FROM orders_by_day_status GROUP BY day
