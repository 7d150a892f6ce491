-- Values of several columns are no list.

-- original
SELECT id FROM orders WHERE customer = 0 OR pieces = 0 OR customer = 1 OR pieces = 1 OR customer = 2 OR pieces = 2 OR customer = 3 OR pieces = 3 OR customer = 4 OR pieces = 4 OR customer = 5 OR pieces = 5

-- expected
none
