-- Every value is in the list.

-- original
SELECT id FROM orders WHERE customer = 1 OR customer = 2 OR customer = 3

-- expected
SELECT id FROM orders WHERE customer IN ($1, $2)
