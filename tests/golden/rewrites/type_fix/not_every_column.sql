-- A * returns it as text.

-- original
SELECT * FROM orders WHERE placed = '2024-01-05'

-- expected
none
