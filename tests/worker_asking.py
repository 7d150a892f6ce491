"""A worker with a ranker that is made up (`tests.worker_child`) is asked."""

import os

import numpy as np

from inference.judgement.features import FEATURES, Features
from inference.worker.client import Worker
from schemas.errors import JudgementError

SOON_S = 60.0


def one(value: float) -> Features:
    return np.full((2, len(FEATURES)), value, np.float32)


async def preferred(worker: Worker, value: float, within_s: float = SOON_S) -> float:
    return float((await worker.rank(one(value), within_s=within_s)).ranking.preference[0])


async def outcome(worker: Worker, value: float, within_s: float = SOON_S) -> str:
    try:
        return "answered" if await preferred(worker, value, within_s) == value else "wrong"
    except JudgementError as error:
        return type(error).__name__


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
