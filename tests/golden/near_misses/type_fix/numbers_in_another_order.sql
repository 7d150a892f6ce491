-- Texts of numbers sort in another order.

-- original
SELECT id FROM orders WHERE reference > '5'

-- expected
SELECT id FROM orders WHERE CAST(reference AS BIGINT) > $1
