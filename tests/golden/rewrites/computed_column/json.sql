-- A field of a document, stored.

-- original
SELECT count(*) AS found FROM orders WHERE document ->> '$.kind' = 'x'

-- original
SELECT json_extract_string(o.document, '$.kind') AS kind, count(*) AS found FROM orders AS o GROUP BY kind

-- create
BEGIN TRANSACTION

-- create
ALTER TABLE "main"."orders" ADD COLUMN "document_kind" VARCHAR

-- create
UPDATE "main"."orders" SET "document_kind" = json_extract_string("document", '$.kind')

-- create
COMMIT

-- expected
SELECT count(*) AS found FROM orders WHERE document_kind = $1

-- expected
SELECT o.document_kind AS kind, count(*) AS found FROM orders AS o GROUP BY kind
