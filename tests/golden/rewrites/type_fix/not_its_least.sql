-- The least of texts comes back as another type.

-- original
SELECT min(placed) AS first FROM orders WHERE placed > '2024-01-05'

-- expected
none
