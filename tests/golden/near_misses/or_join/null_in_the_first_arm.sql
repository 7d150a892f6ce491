-- NOT of NULL is not TRUE: the pair is lost.

-- original
SELECT o.id, c.id AS customer FROM orders AS o JOIN customers AS c ON o.id = c.first_order OR o.id = c.last_order

-- expected
SELECT o.id, c.id AS customer FROM orders AS o JOIN customers AS c ON o.id = c.first_order UNION ALL SELECT o.id, c.id AS customer FROM orders AS o JOIN customers AS c ON o.id = c.last_order AND NOT (o.id = c.first_order)
