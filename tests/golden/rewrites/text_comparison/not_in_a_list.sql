-- A list is one placeholder, whatever its length: it cannot be taken apart.

-- original
SELECT id FROM orders WHERE day::VARCHAR IN ('2024-01-05', '2024-01-06')

-- expected
none
