-- A table may be joined with itself.

-- original
SELECT a.id, b.id AS other FROM orders AS a JOIN orders AS b ON a.id = b.customer OR a.customer = b.pieces

-- expected
SELECT a_id AS id, b_id AS other FROM (SELECT a.id AS a_id, b.id AS b_id FROM orders AS a JOIN orders AS b ON a.id = b.customer UNION ALL SELECT a.id AS a_id, b.id AS b_id FROM orders AS a JOIN orders AS b ON a.customer = b.pieces AND NOT (a.id = b.customer) IS TRUE) AS joined
