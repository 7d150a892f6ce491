-- A condition with a column from outside is no join.

-- original
SELECT name FROM customers WHERE code > (SELECT sum(pieces) FROM orders WHERE customer = customers.id)

-- create
CREATE TABLE s AS SELECT status, day, count(*) AS n, count(pieces) AS np, sum(pieces) AS sp, avg(pieces) AS ap, sum(amount) AS sa, sum(amount * discount) AS sd FROM orders GROUP BY 1, 2

-- expected
SELECT name FROM customers WHERE code > (SELECT sum(sp) FROM s)
