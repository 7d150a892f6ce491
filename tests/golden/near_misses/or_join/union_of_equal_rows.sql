-- UNION takes equal rows of several pairs for one.

-- original
SELECT o.status FROM orders AS o JOIN customers AS c ON o.id = c.first_order OR o.id = c.last_order

-- expected
SELECT o.status FROM orders AS o JOIN customers AS c ON o.id = c.first_order UNION SELECT o.status FROM orders AS o JOIN customers AS c ON o.id = c.last_order
