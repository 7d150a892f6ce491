-- Each action with the statements that carry it out and, after `-- back`, its inverse. Tables: test_render.py.

-- create_index {"table": "orders", "name": "orders_customer", "columns": ["customer", "placed"], "unique": true}
CREATE UNIQUE INDEX "orders_customer" ON "main"."orders" ("customer", "placed");
-- back
DROP INDEX "main"."orders_customer";

-- drop_index {"table": "orders", "name": "orders_day", "columns": ["day"]}
DROP INDEX "main"."orders_day";
-- back
CREATE INDEX "orders_day" ON "main"."orders" ("day");

-- drop_index {"table": "orders", "name": "orders_lower", "columns": ["note"]}
DROP INDEX "main"."orders_lower";
-- no way back

-- cluster {"schema_name": "shop", "table": "visits", "keys": [{"column": "day"}, {"column": "Amount \"gross\"", "descending": true}]}
BEGIN TRANSACTION;
DROP INDEX "shop"."visits day";
CREATE TEMP TABLE "temp"."main"."visits in order" AS SELECT "id", "day", "page", "Amount ""gross""" FROM "shop"."visits";
DELETE FROM "shop"."visits";
INSERT INTO "shop"."visits" ("id", "day", "page", "Amount ""gross""") SELECT "id", "day", "page", "Amount ""gross""" FROM "temp"."main"."visits in order" ORDER BY "day", "Amount ""gross""" DESC;
DROP TABLE "temp"."main"."visits in order";
CREATE UNIQUE INDEX "visits day" ON "shop"."visits" ("day", "id");
COMMIT;
CHECKPOINT;
-- no way back

-- change_type {"table": "flat", "column": "n", "from_type": "VARCHAR", "to_type": "BIGINT"}
ALTER TABLE "main"."flat" ALTER COLUMN "n" SET DATA TYPE BIGINT;
-- back
ALTER TABLE "main"."flat" ALTER COLUMN "n" SET DATA TYPE VARCHAR;

-- change_type {"schema_name": "shop", "table": "visits", "column": "page", "from_type": "VARCHAR", "to_type": "ENUM"}
CREATE TYPE "shop"."visits page" AS ENUM (SELECT DISTINCT CAST("page" AS VARCHAR) FROM "shop"."visits" WHERE "page" IS NOT NULL ORDER BY 1);
DROP INDEX "shop"."visits day";
ALTER TABLE "shop"."visits" ALTER COLUMN "page" SET DATA TYPE "shop"."visits page";
CREATE UNIQUE INDEX "visits day" ON "shop"."visits" ("day", "id");
-- back
DROP INDEX "shop"."visits day";
ALTER TABLE "shop"."visits" ALTER COLUMN "page" SET DATA TYPE VARCHAR;
CREATE UNIQUE INDEX "visits day" ON "shop"."visits" ("day", "id");
DROP TYPE IF EXISTS "shop"."visits page";

-- add_column {"table": "flat", "column": "month", "type": "timestamp", "expression": {"node": "call", "function": "date_trunc", "arguments": [{"node": "constant", "value": "month"}, {"node": "cast", "operand": {"node": "column", "name": "day"}, "type": "TIMESTAMP"}]}}
BEGIN TRANSACTION;
ALTER TABLE "main"."flat" ADD COLUMN "month" TIMESTAMP;
UPDATE "main"."flat" SET "month" = date_trunc('month', CAST("day" AS TIMESTAMP));
COMMIT;
-- back
ALTER TABLE "main"."flat" DROP COLUMN "month";

-- add_column {"schema_name": "shop", "table": "visits", "column": "net", "type": "DECIMAL(18,2)", "expression": {"node": "operation", "operator": "*", "left": {"node": "column", "name": "Amount \"gross\""}, "right": {"node": "constant", "value": -1}}}
BEGIN TRANSACTION;
ALTER TABLE "shop"."visits" ADD COLUMN "net" DECIMAL(18,2);
UPDATE "shop"."visits" SET "net" = ("Amount ""gross""" * (-1));
COMMIT;
-- back
DROP INDEX "shop"."visits day";
ALTER TABLE "shop"."visits" DROP COLUMN "net";
CREATE UNIQUE INDEX "visits day" ON "shop"."visits" ("day", "id");

-- drop_column {"schema_name": "shop", "table": "visits", "column": "page"}
DROP INDEX "shop"."visits day";
ALTER TABLE "shop"."visits" DROP COLUMN "page";
CREATE UNIQUE INDEX "visits day" ON "shop"."visits" ("day", "id");
-- no way back

-- drop_table {"table": "flat"}
DROP TABLE "main"."flat";
-- no way back

-- create_summary {"table": "orders", "name": "orders by month", "alias": "o", "joins": [{"table": "flat", "alias": "f", "on": [["o.customer", "id"], ["o.day", "day"]]}], "group_by": [{"name": "month", "expression": {"node": "call", "function": "date_trunc", "arguments": [{"node": "constant", "value": "month"}, {"node": "column", "table": "o", "name": "day"}]}}, {"name": "n", "expression": {"node": "column", "table": "f", "name": "n"}}], "aggregates": [{"name": "orders", "function": "count"}, {"name": "last", "function": "max", "argument": {"node": "column", "table": "o", "name": "placed"}}]}
CREATE TABLE "main"."orders by month" AS SELECT date_trunc('month', "o"."day") AS "month", "f"."n" AS "n", count(*) AS "orders", max("o"."placed") AS "last" FROM "main"."orders" AS "o" JOIN "main"."flat" AS "f" ON "o"."customer" = "f"."id" AND "o"."day" = "f"."day" GROUP BY 1, 2;
-- back
DROP TABLE "main"."orders by month";

-- create_summary {"table": "flat", "name": "all_of_flat", "alias": "flat", "group_by": [], "aggregates": [{"name": "rows", "function": "count"}]}
CREATE TABLE "main"."all_of_flat" AS SELECT count(*) AS "rows" FROM "main"."flat" AS "flat";
-- back
DROP TABLE "main"."all_of_flat";

-- rewrite {"fingerprint": "1-ab", "statement": "SELECT id FROM flat WHERE day >= $1"}
SELECT id FROM flat WHERE day >= $1;
-- back

-- convert_file {"file": "@file:0123456789ab.csv", "keys": [{"column": "day"}]}
COPY (SELECT * FROM '@file:0123456789ab.csv' ORDER BY "day") TO '@file:0123456789ab.csv.parquet' (FORMAT parquet);
-- back
