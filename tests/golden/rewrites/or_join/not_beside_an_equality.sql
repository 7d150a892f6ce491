-- So does an equality beside it.

-- original
SELECT count(*) AS found FROM orders AS o JOIN customers AS c ON o.customer = c.code AND (o.id = c.first_order OR o.id = c.last_order)

-- expected
none
