-- An average of dates is none of numbers.

-- original
SELECT strftime(day, '%Y-%m') AS month, avg(moment) AS middle FROM orders GROUP BY month

-- expected
none
