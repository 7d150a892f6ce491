-- Few values gained nothing.

-- original
SELECT id FROM orders WHERE customer = 1 OR customer = 2 OR customer = 3

-- expected
none
