-- A pattern is for texts.

-- original
SELECT id FROM orders WHERE placed LIKE '2024%' AND placed > '2024'

-- expected
none
