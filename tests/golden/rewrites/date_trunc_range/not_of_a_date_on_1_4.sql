-- DuckDB 1.4 does it by itself for dates.
-- version: 1.4.4

-- original
SELECT count(*) AS found FROM orders WHERE date_trunc('month', day) = '2024-01-01'

-- expected
none
