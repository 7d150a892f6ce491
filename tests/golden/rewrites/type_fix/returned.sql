-- What returns the column goes on returning text.
-- values $1: '2023-12-31' | NULL

-- original
SELECT id, placed FROM orders WHERE placed >= '2024-01-01' ORDER BY placed, id

-- create
ALTER TABLE "main"."orders" ALTER COLUMN "placed" SET DATA TYPE DATE

-- expected
SELECT id, CAST(placed AS TEXT) AS placed FROM orders WHERE placed >= $1 ORDER BY placed, id
