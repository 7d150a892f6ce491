-- A function of few texts is computed once for each.

-- original
SELECT count(*) AS found FROM orders WHERE lower(status) = 'a'

-- expected
none
