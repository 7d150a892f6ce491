-- A number compared as text is compared as a number.
-- values $1: '02' | '2.0' | ' 2' | '+2' | NULL | '99999999999999999999'

-- original
SELECT count(*) FROM orders WHERE CAST(customer AS TEXT) = '2' AND status <> 'a'

-- expected
SELECT count(*) FROM orders WHERE customer = TRY_CAST($1 AS BIGINT) AND CAST(TRY_CAST($1 AS BIGINT) AS TEXT) = $1 AND status <> $2
