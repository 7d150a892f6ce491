-- As many groups as rows are no summary.

-- original
SELECT customer, day, sum(amount) AS amount FROM orders GROUP BY customer, day

-- expected
none
