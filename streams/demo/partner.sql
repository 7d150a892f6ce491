-- A new partner's order lines, which come as a batch and are taken out again: seldom, until the workload shifts.

-- name: load_partner
INSERT INTO lineitem
SELECT 200_000_000 + range // 4, 1 + (range * 7) % 100_000, 1 + range % 5_000, 1 + range % 4, 5, 7500.00, 0.02, 0.04,
       'N', 'O', DATE '1998-08-01', DATE '1998-08-02', DATE '1998-08-03', 'NONE', 'MAIL', 'by a partner'
FROM range(5_000);

-- name: clear_partner
DELETE FROM lineitem WHERE l_orderkey >= 200_000_000;
