-- Quoted names stay quoted.

-- original
SELECT "Group", "a b", count(*) AS "Number of" FROM "Odd Table" GROUP BY "Group", "a b"

-- create
CREATE TABLE "main"."Odd Table_by_Group_a b" AS SELECT "Odd Table"."Group" AS "Group", "Odd Table"."a b" AS "a b", count(*) AS "row_count" FROM "main"."Odd Table" AS "Odd Table" GROUP BY 1, 2

-- expected
SELECT "Group", "a b", CAST(sum(row_count) AS BIGINT) AS "Number of" FROM "Odd Table_by_Group_a b" GROUP BY "Group", "a b"
