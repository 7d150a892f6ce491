-- DISTINCT ON keeps one row of each.

-- original
SELECT DISTINCT ON (status) id, status FROM orders ORDER BY status, id

-- expected
none
