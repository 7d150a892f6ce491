-- Tables joined by equal columns are joined once, in the summary.
-- values $1: 'q' | NULL
-- values $2: NULL

-- original
SELECT o.status, year(o.day) AS year, sum(o.amount * c.code) AS amount FROM orders AS o, customers AS c WHERE c.id = o.customer AND o.status <> 'b' GROUP BY ALL HAVING sum(o.amount * c.code) > 0

-- create
CREATE TABLE "main"."orders_by_status_day_year" AS SELECT "orders"."status" AS "status", year("orders"."day") AS "day_year", sum(("orders"."amount" * "customers"."code")) AS "sum_amount_code" FROM "main"."orders" AS "orders" JOIN "main"."customers" AS "customers" ON "orders"."customer" = "customers"."id" GROUP BY 1, 2

-- expected
SELECT status, day_year AS year, sum(sum_amount_code) AS amount FROM orders_by_status_day_year WHERE status <> $1 GROUP BY ALL HAVING sum(sum_amount_code) > $2
