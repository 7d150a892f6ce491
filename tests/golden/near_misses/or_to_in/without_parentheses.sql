-- AND binds closer than OR.

-- original
SELECT id FROM orders WHERE (customer = 1 OR status = 'a') AND pieces = 1

-- expected
SELECT id FROM orders WHERE customer IN ($1) OR status = $2 AND pieces = $3
