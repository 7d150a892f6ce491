-- DuckDB 1.4 computes date_trunc of every timestamp.
-- version: 1.4.4
-- values $1: '2024-01-05' | '2024-01-01 00:00:01' | NULL | '9999-12-01'

-- original
SELECT count(*) AS found FROM orders WHERE date_trunc('month', moment) = '2024-01-01'

-- expected
SELECT count(*) AS found FROM orders WHERE moment >= CAST($1 AS TIMESTAMP) AND moment < CAST($1 AS TIMESTAMP) + INTERVAL '1' MONTH AND date_trunc('month', CAST($1 AS TIMESTAMP)) = CAST($1 AS TIMESTAMP)
