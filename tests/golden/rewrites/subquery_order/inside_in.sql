-- A set has no order.

-- original
SELECT name FROM customers WHERE id IN (SELECT customer FROM orders ORDER BY day)

-- expected
SELECT name FROM customers WHERE id IN (SELECT customer FROM orders)
