-- Nor have they in a CTE.

-- original
WITH sorted AS (SELECT customer, amount FROM orders ORDER BY moment) SELECT customer, max(amount) AS most FROM sorted GROUP BY customer

-- expected
WITH sorted AS (SELECT customer, amount FROM orders) SELECT customer, max(amount) AS most FROM sorted GROUP BY customer
