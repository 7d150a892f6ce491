-- Ten comparisons are one list.
-- values $1: NULL | 3

-- original
SELECT id FROM orders WHERE customer = 0 OR customer = 1 OR customer = 2 OR customer = 7 OR customer = 8 OR customer = 9 OR customer = 10 OR customer = 11 OR customer = 12 OR customer = 13

-- expected
SELECT id FROM orders WHERE customer IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
