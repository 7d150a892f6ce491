-- A sum with constants is taken apart, where there is no NULL.
-- not null: amount, discount, pieces
-- values $1: 0 | 2.5 | -1

-- original
SELECT status, sum(amount * (1 - discount)) AS net, sum(amount * (1 - discount) * (2 + pieces)) / 4 AS more, sum(-pieces / 2 + 1) AS less FROM orders GROUP BY status

-- create
CREATE TABLE "main"."orders_by_status" AS SELECT "orders"."status" AS "status", sum("orders"."amount") AS "sum_amount", sum(("orders"."amount" * "orders"."discount")) AS "sum_amount_discount", sum(("orders"."amount" * "orders"."pieces")) AS "sum_amount_pieces", sum((("orders"."amount" * "orders"."discount") * "orders"."pieces")) AS "sum_amount_discount_pieces", sum("orders"."pieces") AS "sum_pieces", count(*) AS "row_count" FROM "main"."orders" AS "orders" GROUP BY 1

-- expected
SELECT status, sum($1 * sum_amount - sum_amount_discount) AS net, sum($3 * $2 * sum_amount + $2 * sum_amount_pieces - $3 * sum_amount_discount - sum_amount_discount_pieces) / $4 AS more, sum(-sum_pieces / ($5) + $6 * row_count) AS less FROM orders_by_status GROUP BY status
