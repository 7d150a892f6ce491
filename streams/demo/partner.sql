-- A partner's orders, which come as a batch and are taken out again: seldom, until the workload shifts.

-- name: load_partner
INSERT INTO orders
SELECT 200_000_000 + range, 1 + (range * 7) % 70_000, 'P', 1_000.0, DATE '1998-08-01', '3-MEDIUM', 'Clerk#000000001', 0,
       'by a partner'
FROM range(5_000);

-- name: clear_partner
DELETE FROM orders WHERE o_orderkey >= 200_000_000;
