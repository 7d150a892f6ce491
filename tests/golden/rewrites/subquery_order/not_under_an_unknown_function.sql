-- What the parser does not know may be an aggregate of rows in order.

-- original
SELECT status, json_group_array(id) AS ids FROM (SELECT status, id FROM orders ORDER BY day, id) AS t GROUP BY status

-- expected
none
