-- An equality in every arm makes a hash join already.

-- original
SELECT count(*) AS found FROM orders AS o, customers AS c WHERE (o.id = c.first_order AND o.pieces = 1) OR (o.id = c.first_order AND o.pieces = 2)

-- expected
none
