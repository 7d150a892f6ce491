-- A CTE that shadows a table is not that table: its column is another one.

-- original
WITH orders AS (SELECT 'x' AS day, 1 AS id FROM customers) SELECT id FROM orders WHERE strftime(CAST(day AS DATE), '%Y-%m') = '2024-01'

-- expected
none
