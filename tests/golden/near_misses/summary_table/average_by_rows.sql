-- An average does not count NULL.

-- original
SELECT status, avg(pieces) AS pieces FROM orders GROUP BY status

-- create
CREATE TABLE s AS SELECT status, day, count(*) AS n, count(pieces) AS np, sum(pieces) AS sp, avg(pieces) AS ap, sum(amount) AS sa, sum(amount * discount) AS sd FROM orders GROUP BY 1, 2

-- expected
SELECT status, sum(sp) / sum(n) AS pieces FROM s GROUP BY status
