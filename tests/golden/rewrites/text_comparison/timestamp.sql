-- A timestamp has one text too.
-- values $1: '2024-01-05 10:30' | '2024-01-31 23:59:59.999999' | '2024-01-05T10:30:00' | NULL

-- original
SELECT id FROM orders WHERE '2024-01-05 10:30:00' = moment::VARCHAR OR pieces = 1

-- expected
SELECT id FROM orders WHERE moment = TRY_CAST($1 AS TIMESTAMP) AND CAST(TRY_CAST($1 AS TIMESTAMP) AS TEXT) = $1 OR pieces = $2
