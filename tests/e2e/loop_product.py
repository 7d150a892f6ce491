"""A data product that reads and writes without a pause, until its standard input ends; then it says what it has done.

loop_product.py FILE
"""

import json
import sys
import threading

import duckdb

import duckdb_sidecar

duckdb_sidecar.instrument("sales", database={"shop": sys.argv[1]})
connection = duckdb.connect(sys.argv[1])
stop = threading.Event()
written, failures = [0], []


def write() -> None:
    cursor = connection.cursor()
    while not stop.is_set():
        try:
            cursor.execute("INSERT INTO visits VALUES (?, 'p1')", [1_000_000 + written[0]])
            written[0] += 1
        except duckdb.Error as error:
            failures.append(str(error))
        stop.wait(0.01)


def read() -> None:
    cursor = connection.cursor()
    while not stop.is_set():
        try:
            cursor.execute("SELECT count(*) FROM visits WHERE page = 'p7'").fetchall()
        except duckdb.Error as error:
            failures.append(str(error))
        stop.wait(0.02)


threads = [threading.Thread(target=write), threading.Thread(target=read)]
for thread in threads:
    thread.start()
sys.stdout.write("at work\n")
sys.stdout.flush()
sys.stdin.read()
stop.set()
for thread in threads:
    thread.join()
indexes = connection.execute("SELECT index_name FROM duckdb_indexes() ORDER BY ALL").fetchall()
rows = connection.execute("SELECT count(*) FROM visits").fetchall()[0][0]
connection.close()
found = {"written": written[0], "failures": failures[:3], "rows": rows, "indexes": [name for (name,) in indexes]}
sys.stdout.write(json.dumps(found))
