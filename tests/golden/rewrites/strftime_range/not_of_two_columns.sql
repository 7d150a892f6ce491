-- The other side must be a constant.

-- original
SELECT count(*) FROM orders WHERE strftime(day, '%Y-%m') = status

-- expected
none
