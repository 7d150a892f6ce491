-- A timestamp needs no cast, and the other filter stays.
-- values $1: '2024-01-05 1' | '2024-01-31 23' | NULL

-- original
SELECT id, moment FROM orders AS o WHERE strftime(o.moment, '%Y-%m-%d %H') = '2024-01-05 10' AND status = 'a'

-- expected
SELECT id, moment FROM orders AS o WHERE o.moment >= try_strptime($1, '%Y-%m-%d %H') AND o.moment < try_strptime($1, '%Y-%m-%d %H') + INTERVAL '1' HOUR AND strftime(try_strptime($1, '%Y-%m-%d %H'), '%Y-%m-%d %H') = $1 AND status = $2
