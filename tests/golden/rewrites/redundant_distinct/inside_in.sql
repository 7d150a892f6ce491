-- Whether it is in a set does not depend on repetitions.

-- original
SELECT name FROM customers WHERE id IN (SELECT DISTINCT customer FROM orders WHERE pieces > 1)

-- expected
SELECT name FROM customers WHERE id IN (SELECT customer FROM orders WHERE pieces > $1)
