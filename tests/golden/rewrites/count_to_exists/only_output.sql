-- An output of its own is one as well.
-- values $2: 'q' | NULL

-- original
SELECT count(*) > 0 AS found FROM orders WHERE status = 'a'

-- expected
SELECT EXISTS(SELECT 1 FROM orders WHERE status = $2) AS found
