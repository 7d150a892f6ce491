-- What the pages of a wholesaler's back office ask, and what its order entry writes.
-- `runs` is how often in one cycle of the workload.

-- name: home_orders_by_status  runs: 6
SELECT o_orderstatus, count(*) AS orders, sum(o_totalprice) AS value
FROM orders WHERE o_orderdate >= $day AND o_orderdate < $day + INTERVAL 7 DAY GROUP BY o_orderstatus ORDER BY ALL;

-- name: home_revenue_by_month  runs: 6
SELECT date_trunc('month', o_orderdate) AS month, sum(o_totalprice) AS revenue
FROM orders GROUP BY month ORDER BY month;

-- name: home_latest_orders  runs: 6
SELECT o_orderkey, o_custkey, o_totalprice, o_orderdate FROM orders ORDER BY o_orderdate DESC, o_orderkey LIMIT 20;

-- name: home_shipments_per_day  runs: 4
SELECT l_shipdate, count(*) AS lines, sum(l_quantity) AS pieces
FROM lineitem WHERE l_shipdate BETWEEN $day AND $day + INTERVAL 30 DAY GROUP BY l_shipdate ORDER BY l_shipdate;

-- name: customer_page  runs: 10
SELECT c_custkey, c_name, c_address, c_phone, c_acctbal, c_mktsegment, n_name
FROM customer JOIN nation ON n_nationkey = c_nationkey WHERE c_custkey = $customer;

-- name: customer_orders  runs: 10
SELECT o_orderkey, o_orderdate, o_orderstatus, o_totalprice FROM orders
WHERE o_custkey = $customer ORDER BY o_orderdate DESC;

-- name: customer_lifetime_value  runs: 6
SELECT sum(l_extendedprice * (1 - l_discount)) AS value, max(o_orderdate) AS last_order
FROM orders JOIN lineitem ON l_orderkey = o_orderkey WHERE o_custkey = $customer;

-- name: customer_search  runs: 4
SELECT c_custkey, c_name, c_phone FROM customer WHERE c_name LIKE $name_prefix ORDER BY c_name LIMIT 25;

-- name: customers_by_segment  runs: 2
SELECT c_mktsegment, count(*) AS customers, avg(c_acctbal) AS balance FROM customer GROUP BY c_mktsegment ORDER BY 1;

-- name: customers_in_debt  runs: 2
SELECT c_custkey, c_name, c_acctbal FROM customer WHERE c_acctbal < $balance ORDER BY c_acctbal LIMIT 50;

-- name: customers_without_orders  runs: 1
SELECT count(*) FROM customer WHERE NOT EXISTS (SELECT 1 FROM orders WHERE o_custkey = c_custkey);

-- name: top_customers  runs: 3
SELECT c_name, sum(o_totalprice) AS spent
FROM customer JOIN orders ON o_custkey = c_custkey
WHERE o_orderdate >= $day AND o_orderdate < $day + INTERVAL 1 YEAR
GROUP BY c_name ORDER BY spent DESC LIMIT 10;

-- name: new_customers_by_month  runs: 2
SELECT month, count(*) AS customers
FROM (SELECT o_custkey, date_trunc('month', min(o_orderdate)) AS month FROM orders GROUP BY o_custkey)
GROUP BY month ORDER BY month;

-- name: order_page  runs: 12
SELECT * FROM orders WHERE o_orderkey = $order;

-- name: order_lines  runs: 12
SELECT l_linenumber, l_partkey, p_name, l_quantity, l_extendedprice, l_discount, l_shipdate, l_receiptdate
FROM lineitem JOIN part ON p_partkey = l_partkey WHERE l_orderkey = $order ORDER BY l_linenumber;

-- name: orders_by_clerk  runs: 4
SELECT o_orderkey, o_orderdate, o_totalprice FROM orders
WHERE o_clerk = $clerk ORDER BY o_orderdate DESC LIMIT 50;

-- name: orders_of_a_day  runs: 4
SELECT o_orderkey, o_custkey, o_orderpriority, o_totalprice FROM orders WHERE o_orderdate = $day ORDER BY o_orderkey;

-- name: orders_list_page  runs: 3
SELECT o_orderkey, o_orderdate, o_orderpriority, o_totalprice FROM orders
WHERE o_orderpriority = $priority ORDER BY o_orderdate, o_orderkey LIMIT 50 OFFSET $offset;

-- name: large_orders  runs: 3
SELECT o_orderkey, o_custkey, o_totalprice FROM orders WHERE o_totalprice > $price ORDER BY o_totalprice DESC;

-- name: orders_per_week  runs: 3
SELECT date_trunc('week', o_orderdate) AS week, count(*) AS orders
FROM orders WHERE o_orderdate >= $day GROUP BY 1 ORDER BY 1;

-- name: order_value_histogram  runs: 2
SELECT floor(o_totalprice / 50000) AS bucket, count(*) AS orders FROM orders GROUP BY bucket ORDER BY bucket;

-- name: open_orders_by_priority  runs: 4
SELECT o_orderpriority, count(*) AS orders FROM orders WHERE o_orderstatus = 'O' GROUP BY o_orderpriority ORDER BY 1;

-- name: late_lines  runs: 4
SELECT count(*) AS late FROM lineitem
WHERE l_receiptdate > l_commitdate AND l_shipdate >= $day AND l_shipdate < $day + INTERVAL 1 MONTH;

-- name: late_lines_by_mode  runs: 4
SELECT l_shipmode, count(*) AS lines, avg(date_diff('day', l_commitdate, l_receiptdate)) AS days_late
FROM lineitem WHERE l_receiptdate > l_commitdate AND l_shipdate BETWEEN $day AND $day + INTERVAL 90 DAY
GROUP BY l_shipmode ORDER BY lines DESC;

-- name: shipping_time_by_month  runs: 2
SELECT date_trunc('month', l_shipdate) AS month, avg(date_diff('day', l_shipdate, l_receiptdate)) AS days
FROM lineitem GROUP BY month ORDER BY month;

-- name: lines_to_ship  runs: 3
SELECT l_orderkey, l_linenumber, l_partkey, l_quantity, l_shipinstruct
FROM lineitem WHERE l_shipdate = $day AND l_shipmode = $mode ORDER BY l_orderkey, l_linenumber;

-- name: returns_by_month  runs: 3
SELECT strftime(l_shipdate, '%Y-%m') AS month, sum(l_extendedprice) AS returned
FROM lineitem WHERE l_returnflag = 'R' GROUP BY month ORDER BY month;

-- name: returns_of_a_month  runs: 3
SELECT l_orderkey, l_partkey, l_quantity, l_extendedprice FROM lineitem
WHERE l_returnflag = 'R' AND strftime(l_shipdate, '%Y-%m') = $month ORDER BY l_extendedprice DESC LIMIT 100;

-- name: part_page  runs: 8
SELECT p_partkey, p_name, p_mfgr, p_brand, p_type, p_size, p_retailprice FROM part WHERE p_partkey = $part;

-- name: part_suppliers  runs: 6
SELECT s_suppkey, s_name, s_phone, ps_availqty, ps_supplycost
FROM partsupp JOIN supplier ON s_suppkey = ps_suppkey WHERE ps_partkey = $part ORDER BY ps_supplycost;

-- name: part_sales_by_year  runs: 4
SELECT year(l_shipdate) AS year, sum(l_quantity) AS pieces, sum(l_extendedprice) AS revenue
FROM lineitem WHERE l_partkey = $part GROUP BY year ORDER BY year;

-- name: part_search  runs: 4
SELECT p_partkey, p_name, p_retailprice FROM part WHERE p_name LIKE $word OR p_type LIKE $word ORDER BY p_name LIMIT 25;

-- name: parts_running_out  runs: 2
SELECT ps_partkey, sum(ps_availqty) AS pieces FROM partsupp
GROUP BY ps_partkey HAVING sum(ps_availqty) < $pieces ORDER BY pieces LIMIT 50;

-- name: revenue_by_brand  runs: 2
SELECT p_brand, sum(l_extendedprice * (1 - l_discount)) AS revenue
FROM lineitem JOIN part ON p_partkey = l_partkey GROUP BY p_brand ORDER BY revenue DESC;

-- name: revenue_by_nation  runs: 2
SELECT n_name, sum(o_totalprice) AS revenue
FROM orders JOIN customer ON c_custkey = o_custkey JOIN nation ON n_nationkey = c_nationkey
WHERE o_orderdate >= $day AND o_orderdate < $day + INTERVAL 1 YEAR GROUP BY n_name ORDER BY revenue DESC;

-- name: buyers_per_month  runs: 2
SELECT date_trunc('month', o_orderdate) AS month, count(DISTINCT o_custkey) AS buyers FROM orders GROUP BY 1 ORDER BY 1;

-- name: suppliers_of_nation  runs: 2
SELECT s_suppkey, s_name, s_acctbal FROM supplier JOIN nation ON n_nationkey = s_nationkey
WHERE n_name = $nation ORDER BY s_acctbal DESC;

-- name: supplier_deliveries  runs: 4
SELECT count(*) AS lines, sum(l_quantity) AS pieces, avg(l_discount) AS discount
FROM lineitem WHERE l_suppkey = $supplier AND l_shipdate >= $day;

-- name: discounts_by_instruction  runs: 2
SELECT l_shipinstruct, l_shipmode, avg(l_discount) AS discount, count(*) AS lines
FROM lineitem GROUP BY l_shipinstruct, l_shipmode ORDER BY 1, 2;

-- name: place_order  runs: 3
INSERT INTO orders VALUES ($new_order, $customer, 'O', $price, $day, $priority, $clerk, 0, 'placed by the back office');

-- name: add_line  runs: 3
INSERT INTO lineitem VALUES ($new_order, $part, $supplier, 1, 5, 7500.00, 0.02, 0.04, 'N', 'O', $day,
                             $day, $day, 'NONE', $mode, 'placed by the back office');

-- name: change_priority  runs: 2
UPDATE orders SET o_orderpriority = $priority WHERE o_orderkey = $order;

-- name: book_payment  runs: 2
UPDATE customer SET c_acctbal = c_acctbal + $payment WHERE c_custkey = $customer;

-- name: cancel_line  runs: 1
DELETE FROM lineitem WHERE l_orderkey = $order AND l_linenumber = 7;
