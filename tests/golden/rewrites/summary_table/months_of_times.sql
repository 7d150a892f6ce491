-- A key may be a function of a column, where the column has too many values.

-- original
SELECT date_trunc('month', moment) AS month, count(*) AS found FROM orders GROUP BY month

-- create
CREATE TABLE "main"."orders_by_moment_month" AS SELECT date_trunc('month', "orders"."moment") AS "moment_month", count(*) AS "row_count" FROM "main"."orders" AS "orders" GROUP BY 1

-- expected
SELECT moment_month AS month, CAST(sum(row_count) AS BIGINT) AS found FROM orders_by_moment_month GROUP BY month
