-- What a zoned time is as text depends on the session.

-- original
SELECT count(*) FROM orders WHERE strftime(zoned, '%Y-%m') = '2024-01'

-- expected
none
