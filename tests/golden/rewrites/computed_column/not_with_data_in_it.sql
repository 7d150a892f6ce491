-- A constant of the data cannot be part of a column.

-- original
SELECT count(*) AS found FROM orders WHERE substring(document, 1, 4) = 'abcd'

-- expected
none
