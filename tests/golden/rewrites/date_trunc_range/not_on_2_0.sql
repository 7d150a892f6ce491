-- DuckDB 2.0 does it by itself.

-- original
SELECT count(*) AS found FROM orders WHERE date_trunc('month', moment) = '2024-01-01'

-- expected
none
