-- What the parser does not know may be an aggregate.

-- original
SELECT strftime(day, '%Y-%m') AS month, product(pieces) AS pieces FROM orders GROUP BY month

-- expected
none
