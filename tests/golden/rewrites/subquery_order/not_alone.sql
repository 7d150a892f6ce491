-- DuckDB keeps the order where nothing above makes another.

-- original
SELECT id, status FROM (SELECT id, status FROM orders ORDER BY id) AS t

-- expected
none
