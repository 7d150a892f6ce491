-- An unknown aggregate of a column is none of its groups.

-- original
SELECT status, product(pieces) AS p FROM orders GROUP BY status

-- create
CREATE TABLE s AS SELECT status, day, count(*) AS n, count(pieces) AS np, sum(pieces) AS sp, avg(pieces) AS ap, sum(amount) AS sa, sum(amount * discount) AS sd FROM orders GROUP BY 1, 2

-- expected
SELECT status, product(sp) AS p FROM s GROUP BY status
