-- Distinct values that are no key cannot be put together.

-- original
SELECT status, sum(DISTINCT pieces) AS pieces FROM orders GROUP BY status

-- expected
none
