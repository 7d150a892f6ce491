-- The sum over no row is NULL, the count 0.

-- original
SELECT count(*) AS found FROM orders WHERE status = 'q'

-- create
CREATE TABLE s AS SELECT status, day, count(*) AS n, count(pieces) AS np, sum(pieces) AS sp, avg(pieces) AS ap, sum(amount) AS sa, sum(amount * discount) AS sd FROM orders GROUP BY 1, 2

-- expected
SELECT CAST(sum(n) AS BIGINT) AS found FROM s WHERE status = $1
