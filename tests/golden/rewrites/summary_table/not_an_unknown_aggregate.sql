-- What the parser does not know may be an aggregate.

-- original
SELECT status, product(pieces) AS pieces FROM orders GROUP BY status

-- expected
none
