-- Texts of numbers sort in another order.

-- original
SELECT count(*) AS found FROM orders WHERE reference > '5'

-- expected
none
