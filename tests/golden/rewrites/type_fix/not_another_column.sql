-- Another column may hold other texts.

-- original
SELECT count(*) AS found FROM orders WHERE reference = status AND CAST(reference AS INTEGER) > 5

-- expected
none
