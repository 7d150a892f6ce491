"""Takes orders for a database and is killed with SIGKILL at a point of one: see test_operation_killed.

    killed_answer.py FOLDER BOOTSTRAP_SERVERS PREFIX before|after STEP

STEP is a step of the ledger: take, end or told.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import duckdb

import schemas
from schemas.operate.ledger import Ledger
from tests.operated_product import attached_to, operating_on

folder, servers, prefix, moment, step = Path(sys.argv[1]), *sys.argv[2:]
original = getattr(Ledger, step)


def killed(*arguments: Any) -> None:
    if moment == "after":
        original(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)


setattr(Ledger, step, killed)
file = folder / "shop.duckdb"
schemas.instrument("sales", database=file, sink=folder / "log.jsonl")
connection = duckdb.connect(file)
operating = operating_on(attached_to(folder, servers, prefix), file, json.loads((folder / "public.json").read_text()))
while True:
    operating.work(0.1)
