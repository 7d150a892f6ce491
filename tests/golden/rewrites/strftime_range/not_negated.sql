-- Under NOT, NULL and FALSE differ: left alone.

-- original
SELECT count(*) FROM orders WHERE NOT strftime(day, '%Y-%m') = '2024-01'

-- expected
none
