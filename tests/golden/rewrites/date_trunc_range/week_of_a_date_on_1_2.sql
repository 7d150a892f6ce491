-- DuckDB 1.2 computes it of every date.
-- version: 1.2.2
-- values $1: '2024-01-02' | '2024-01-29' | NULL

-- original
SELECT id FROM orders WHERE date_trunc('week', day) = DATE '2024-01-01'

-- expected
SELECT id FROM orders WHERE day >= CAST(CAST(CAST($1 AS DATE) AS TIMESTAMP) AS DATE) AND day < CAST(CAST(CAST($1 AS DATE) AS TIMESTAMP) + INTERVAL '1' WEEK AS DATE) AND date_trunc('week', CAST(CAST($1 AS DATE) AS TIMESTAMP)) = CAST(CAST($1 AS DATE) AS TIMESTAMP)
