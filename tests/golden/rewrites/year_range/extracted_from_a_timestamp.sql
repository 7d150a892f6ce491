-- extract and date_part are the same.
-- values $1: 1 | 9999 | 2023 | NULL

-- original
SELECT id FROM orders WHERE extract(year FROM moment) = 2024 AND pieces > 1

-- expected
SELECT id FROM orders WHERE moment >= make_date(CAST($1 AS INT), 1, 1) AND moment < make_date(CAST($1 AS INT) + 1, 1, 1) AND pieces > $2
