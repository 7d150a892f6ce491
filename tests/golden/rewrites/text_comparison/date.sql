-- A date compared as text is compared as a date.
-- values $1: '2024-1-5' | '2024-01-05 ' | 'x' | '' | NULL | '0001-01-01' | '9999-12-31'

-- original
SELECT id FROM orders WHERE day::VARCHAR = '2024-01-05'

-- expected
SELECT id FROM orders WHERE day = TRY_CAST($1 AS DATE) AND CAST(TRY_CAST($1 AS DATE) AS TEXT) = $1
