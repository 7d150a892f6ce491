-- What parses it need not any more.

-- original
SELECT o.id, o.placed AS day FROM orders AS o WHERE strptime(o.placed, '%Y-%m-%d') >= TIMESTAMP '2024-01-05 00:00:00'

-- create
ALTER TABLE "main"."orders" ALTER COLUMN "placed" SET DATA TYPE DATE

-- expected
SELECT o.id, CAST(o.placed AS TEXT) AS day FROM orders AS o WHERE CAST(o.placed AS TIMESTAMP) >= CAST($1 AS TIMESTAMP)
