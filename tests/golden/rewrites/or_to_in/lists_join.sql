-- A list among them keeps its place, and what it stands for.
-- values $11: 3, NULL | 1, 2

-- original
SELECT id FROM orders WHERE customer = 0 OR customer = 1 OR customer = 2 OR customer = 7 OR customer = 8 OR customer = 9 OR customer = 10 OR customer = 11 OR customer = 12 OR customer = 13 OR customer IN (20, 21, 3)

-- expected
SELECT id FROM orders WHERE customer IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
