-- A condition of CASE counts only where it is true.
-- values $1: '24' | '2023' | NULL

-- original
SELECT sum(CASE WHEN strftime(day, '%Y') = '2024' THEN pieces ELSE 0 END) AS found FROM orders

-- expected
SELECT sum(CASE WHEN day >= CAST(try_strptime($1, '%Y') AS DATE) AND day < CAST(try_strptime($1, '%Y') + INTERVAL '1' YEAR AS DATE) AND strftime(try_strptime($1, '%Y'), '%Y') = $1 THEN pieces ELSE $2 END) AS found FROM orders
