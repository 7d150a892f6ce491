-- A subquery that reads from outside is not answered: that is no join.

-- original
SELECT name FROM customers WHERE code > (SELECT sum(pieces) FROM orders WHERE customer = customers.id)

-- expected
none
