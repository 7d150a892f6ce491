-- What is no such comparison stays beside it, in parentheses.
-- values $1: NULL | 3

-- original
SELECT id FROM orders WHERE (customer = 0 OR customer = 1 OR customer = 2 OR customer = 7 OR customer = 8 OR customer = 9 OR customer = 10 OR customer = 11 OR customer = 12 OR customer = 13 OR 3 = customer OR status = 'a' OR amount > 2) AND pieces = 1

-- expected
SELECT id FROM orders WHERE ((customer IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) OR status IN ($12) OR amount > $13)) AND pieces = $14
