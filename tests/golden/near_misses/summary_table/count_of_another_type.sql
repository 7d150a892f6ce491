-- A sum of counts is no BIGINT.

-- original
SELECT status, sum(pieces) AS p, count(*)::VARCHAR AS found FROM orders GROUP BY status HAVING count(*) > 0

-- create
CREATE TABLE s AS SELECT status, day, count(*) AS n, count(pieces) AS np, sum(pieces) AS sp, avg(pieces) AS ap, sum(amount) AS sa, sum(amount * discount) AS sd FROM orders GROUP BY 1, 2

-- expected
SELECT status, sum(sp) AS p, sum(n)::DOUBLE::VARCHAR AS found FROM s GROUP BY status
