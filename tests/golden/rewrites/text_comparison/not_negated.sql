-- Under NOT, NULL and FALSE differ: left alone.

-- original
SELECT id FROM orders WHERE NOT (day::VARCHAR = '2024-01-05')

-- expected
none
