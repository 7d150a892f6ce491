-- Every pair comes once, whichever arm finds it.

-- original
SELECT count(*) AS found FROM orders AS o JOIN customers AS c ON o.id = c.first_order OR o.id = c.last_order

-- expected
SELECT count(*) AS found FROM (SELECT 1 FROM orders AS o JOIN customers AS c ON o.id = c.first_order UNION ALL SELECT 1 FROM orders AS o JOIN customers AS c ON o.id = c.last_order AND NOT (o.id = c.first_order) IS TRUE) AS joined
