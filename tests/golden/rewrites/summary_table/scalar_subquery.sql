-- A subquery that reads nothing from outside is answered inside its statement.
-- values $1: 'q' | NULL

-- original
SELECT id FROM orders WHERE amount > (SELECT avg(amount) FROM orders WHERE status = 'a')

-- create
CREATE TABLE "main"."orders_by_status" AS SELECT "orders"."status" AS "status", sum("orders"."amount") AS "sum_amount", count("orders"."amount") AS "count_amount" FROM "main"."orders" AS "orders" GROUP BY 1

-- expected
SELECT id FROM orders WHERE amount > (SELECT sum(sum_amount) / sum(count_amount) FROM orders_by_status WHERE status = $1)
