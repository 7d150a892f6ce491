-- An outer join keeps rows that no arm finds.

-- original
SELECT o.id, c.name FROM orders AS o LEFT JOIN customers AS c ON o.id = c.first_order OR o.id = c.last_order

-- expected
none
