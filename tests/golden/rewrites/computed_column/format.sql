-- A formatted date, stored.

-- original
SELECT strftime(day, '%Y-%m') AS month, median(amount) AS amount FROM orders GROUP BY month

-- create
BEGIN TRANSACTION

-- create
ALTER TABLE "main"."orders" ADD COLUMN "day_ym" VARCHAR

-- create
UPDATE "main"."orders" SET "day_ym" = strftime("day", '%Y-%m')

-- create
COMMIT

-- expected
SELECT day_ym AS month, median(amount) AS amount FROM orders GROUP BY month
