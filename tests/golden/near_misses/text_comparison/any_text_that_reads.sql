-- A text that reads as a date need not be the text of it.
-- values $1: '2024-1-5'

-- original
SELECT id FROM orders WHERE day::VARCHAR = '2024-01-05'

-- expected
SELECT id FROM orders WHERE day = TRY_CAST($1 AS DATE)
