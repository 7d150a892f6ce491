-- Rows with their key are distinct.

-- original
SELECT DISTINCT id, status FROM orders WHERE pieces > 1

-- expected
SELECT id, status FROM orders WHERE pieces > $1
