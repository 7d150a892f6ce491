-- Quoted names stay quoted.

-- original
SELECT "Group" FROM "Odd Table" WHERE strftime("a b", '%Y-%m') = '2024-01'

-- expected
SELECT "Group" FROM "Odd Table" WHERE "a b" >= CAST(try_strptime($1, '%Y-%m') AS DATE) AND "a b" < CAST(try_strptime($1, '%Y-%m') + INTERVAL '1' MONTH AS DATE) AND strftime(try_strptime($1, '%Y-%m'), '%Y-%m') = $1
