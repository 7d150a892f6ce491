-- A column of many values is as many groups.

-- original
SELECT date_trunc('hour', moment) AS hour, count(*) AS found FROM orders GROUP BY hour

-- expected
none
