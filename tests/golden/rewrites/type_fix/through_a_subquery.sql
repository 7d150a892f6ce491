-- A subquery passes it on.
-- values $1: NULL

-- original
SELECT t.token, t.n FROM (SELECT token, count(*) AS n FROM orders GROUP BY token) AS t WHERE t.token = '0f8fad5b-d9cb-469f-a165-708672800001'

-- create
ALTER TABLE "main"."orders" ALTER COLUMN "token" SET DATA TYPE UUID

-- expected
SELECT CAST(t.token AS TEXT) AS token, t.n FROM (SELECT token, count(*) AS n FROM orders GROUP BY token) AS t WHERE t.token = $1
