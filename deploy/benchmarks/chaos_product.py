"""A data product that writes without a pause, and notes outside of its database what DuckDB has acknowledged.

chaos_product.py FILE NOTES

It may be killed at any moment; when it comes again it goes on behind what it had noted. It ends with its input.
"""

import os
import sys
import threading
from pathlib import Path

import duckdb

import duckdb_sidecar

APART = 1_000
"""Ids left out after a restart, since one may be there that was not noted."""
PAUSE_S = 0.005

file, notes = sys.argv[1], Path(sys.argv[2])
duckdb_sidecar.instrument("chaos", database={"shop": file})
connection = duckdb.connect(file)
stop = threading.Event()


def write() -> None:
    noted = notes.read_text().split() if notes.exists() else []
    last = int(noted[-1].partition("=")[0]) + APART if noted else 1_000_000
    cursor = connection.cursor()
    with open(os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "w", buffering=1) as out:
        while not stop.is_set():
            last += 1
            try:
                cursor.execute("INSERT INTO visits VALUES (?, ?, ?)", [last, f"p{last % 50}", str(last % 7)])
                out.write(f"{last}={last % 50}\n")
                cursor.execute("UPDATE visits SET page = ? WHERE id = ?", [f"q{last % 50}", last])
                out.write(f"{last}=q{last % 50}\n")
            except duckdb.Error:
                pass  # it gave way to a change, and was not acknowledged
            stop.wait(PAUSE_S)


def read() -> None:
    cursor = connection.cursor()
    while not stop.is_set():
        cursor.execute("SELECT count(*) FROM visits WHERE page = 'p7'").fetchall()
        stop.wait(10 * PAUSE_S)


threads = [threading.Thread(target=write), threading.Thread(target=read)]
for thread in threads:
    thread.start()
sys.stdin.read()
stop.set()
for thread in threads:
    thread.join()
connection.close()
