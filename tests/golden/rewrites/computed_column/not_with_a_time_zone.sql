-- What a zoned time is depends on the session.

-- original
SELECT strftime(zoned, '%Y-%m') AS month, median(amount) AS amount FROM orders GROUP BY month

-- expected
none
