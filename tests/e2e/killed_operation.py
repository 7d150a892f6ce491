"""Carries out an order on a database and is killed with SIGKILL at a point of it: see test_operation_killed.

    killed_operation.py FOLDER ORDER POINT

Points are counted from 0: of each move the moment before its commit, and the one after.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from schemas.operate import run, transaction
from schemas.orders import Order
from tests.operating import Shop

folder, order, point = Path(sys.argv[1]), Order.model_validate_json(Path(sys.argv[2]).read_text()), int(sys.argv[3])
passed = [0]


def pass_point() -> None:
    if passed[0] == point:
        os.kill(os.getpid(), signal.SIGKILL)
    passed[0] += 1


def expect(found: Any, wanted: Any, move: Any) -> None:
    original_expect(found, wanted, move)
    if wanted is move.after:
        pass_point()


def perform(*arguments: Any) -> None:
    original_perform(*arguments)
    pass_point()


original_expect, transaction.expect = transaction.expect, expect
original_perform, run.perform = run.perform, perform
assert Shop(folder).executor().carry_out(order).state == "done"
