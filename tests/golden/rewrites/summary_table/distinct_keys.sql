-- Distinct values of a group key can be counted.

-- original
SELECT day, count(DISTINCT status) AS kinds FROM orders GROUP BY day

-- create
CREATE TABLE "main"."orders_by_day_status" AS SELECT "orders"."day" AS "day", "orders"."status" AS "status" FROM "main"."orders" AS "orders" GROUP BY 1, 2

-- expected
SELECT day, count(DISTINCT status) AS kinds FROM orders_by_day_status GROUP BY day
