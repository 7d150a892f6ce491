-- A count of distinct keys is a count.

-- original
SELECT count(DISTINCT id) AS found, sum(pieces) AS pieces FROM orders

-- expected
SELECT count(id) AS found, sum(pieces) AS pieces FROM orders
