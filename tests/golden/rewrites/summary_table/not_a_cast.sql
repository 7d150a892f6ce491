-- A cast of a sum with constants in it cannot be taken apart.

-- original
SELECT status, sum(CAST(amount * (1 - discount) AS DOUBLE)) AS net FROM orders GROUP BY status

-- expected
none
