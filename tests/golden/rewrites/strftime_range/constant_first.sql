-- The constant may stand first, and the parts in another order.
-- values $1: '1/2024' | '12/9999' | NULL

-- original
SELECT id FROM orders WHERE '01/2024' = strftime(day, '%m/%Y')

-- expected
SELECT id FROM orders WHERE day >= CAST(try_strptime($1, '%m/%Y') AS DATE) AND day < CAST(try_strptime($1, '%m/%Y') + INTERVAL '1' MONTH AS DATE) AND strftime(try_strptime($1, '%m/%Y'), '%m/%Y') = $1
