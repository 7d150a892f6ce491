-- An outer join has other rows.

-- original
SELECT c.name, count(*) AS found FROM customers AS c LEFT JOIN orders AS o ON o.customer = c.id GROUP BY c.name

-- expected
none
