-- With a LIMIT the order says which rows.

-- original
SELECT count(*) AS found, sum(id) AS ids FROM (SELECT id FROM orders ORDER BY id LIMIT 3) AS t

-- expected
none
