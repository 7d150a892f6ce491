-- Rows in no order have no row group to skip.

-- original
SELECT "Group" FROM "Odd Table" WHERE year("a b") = 2024

-- expected
none
