-- DuckDB 1.2 does it by itself.
-- version: 1.2.2

-- original
SELECT id FROM orders WHERE day::VARCHAR = '2024-01-05'

-- expected
none
