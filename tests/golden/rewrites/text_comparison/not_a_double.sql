-- A double has several texts.

-- original
SELECT id FROM orders WHERE price::VARCHAR = '0.1'

-- expected
none
