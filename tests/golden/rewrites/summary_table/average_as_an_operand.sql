-- An average that is part of an expression stays one operand.

-- original
SELECT status, 100 / avg(pieces) FILTER (WHERE status <> 'a') AS a, 5 - avg(amount) * 2 AS b, avg(pieces)::INTEGER AS c FROM orders GROUP BY status HAVING avg(pieces) > 1 ORDER BY avg(pieces) DESC, status

-- create
CREATE TABLE "main"."orders_by_status" AS SELECT "orders"."status" AS "status", sum("orders"."pieces") AS "sum_pieces", count("orders"."pieces") AS "count_pieces", sum("orders"."amount") AS "sum_amount", count("orders"."amount") AS "count_amount" FROM "main"."orders" AS "orders" GROUP BY 1

-- expected
SELECT status, $1 / (sum(sum_pieces) FILTER(WHERE status <> $2) / sum(count_pieces) FILTER(WHERE status <> $2)) AS a, $3 - (sum(sum_amount) / sum(count_amount)) * $4 AS b, CAST((sum(sum_pieces) / sum(count_pieces)) AS INT) AS c FROM orders_by_status GROUP BY status HAVING (sum(sum_pieces) / sum(count_pieces)) > $5 ORDER BY (sum(sum_pieces) / sum(count_pieces)) DESC, status
