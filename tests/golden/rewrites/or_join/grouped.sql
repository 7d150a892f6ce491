-- Columns come out of the union under names of their own.

-- original
SELECT c.name, sum(o.amount) AS amount FROM orders AS o, customers AS c WHERE (o.id = c.first_order OR o.id = c.last_order) AND o.pieces > 1 GROUP BY c.name

-- expected
SELECT c_name AS name, sum(o_amount) AS amount FROM (SELECT c.name AS c_name, o.amount AS o_amount, o.pieces AS o_pieces FROM orders AS o JOIN customers AS c ON o.id = c.first_order UNION ALL SELECT c.name AS c_name, o.amount AS o_amount, o.pieces AS o_pieces FROM orders AS o JOIN customers AS c ON o.id = c.last_order AND NOT (o.id = c.first_order) IS TRUE) AS joined WHERE o_pieces > $1 GROUP BY c_name
