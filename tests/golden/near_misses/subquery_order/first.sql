-- first() depends on the order.

-- original
SELECT first(id) AS one FROM (SELECT id FROM orders ORDER BY day DESC, id DESC) AS t

-- expected
SELECT first(id) AS one FROM (SELECT id FROM orders) AS t
