-- An arm leaves out what any before has found.

-- original
SELECT o.id, c.id AS customer FROM orders AS o JOIN customers AS c ON o.id = c.first_order OR o.id = c.last_order OR (o.customer = c.code AND o.pieces = 2)

-- expected
SELECT o_id AS id, c_id AS customer FROM (SELECT o.id AS o_id, c.id AS c_id FROM orders AS o JOIN customers AS c ON o.id = c.first_order UNION ALL SELECT o.id AS o_id, c.id AS c_id FROM orders AS o JOIN customers AS c ON o.id = c.last_order AND NOT (o.id = c.first_order) IS TRUE UNION ALL SELECT o.id AS o_id, c.id AS c_id FROM orders AS o JOIN customers AS c ON (o.customer = c.code AND o.pieces = $1) AND NOT (o.id = c.first_order) IS TRUE AND NOT (o.id = c.last_order) IS TRUE) AS joined
