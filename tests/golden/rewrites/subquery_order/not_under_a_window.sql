-- A window may number the rows as they come.

-- original
SELECT id, row_number() OVER () AS place FROM (SELECT id FROM orders ORDER BY id DESC) AS t ORDER BY id

-- expected
none
