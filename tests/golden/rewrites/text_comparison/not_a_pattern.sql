-- A pattern is no text of a value.

-- original
SELECT id FROM orders WHERE day::VARCHAR LIKE '2024-01%'

-- expected
none
