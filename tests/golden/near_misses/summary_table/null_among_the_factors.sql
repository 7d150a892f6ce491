-- Where the discount is NULL, the whole product is.

-- original
SELECT status, sum(amount * (1 - discount)) AS net FROM orders GROUP BY status

-- create
CREATE TABLE s AS SELECT status, day, count(*) AS n, count(pieces) AS np, sum(pieces) AS sp, avg(pieces) AS ap, sum(amount) AS sa, sum(amount * discount) AS sd FROM orders GROUP BY 1, 2

-- expected
SELECT status, sum($1 * sa - sd) AS net FROM s GROUP BY status
