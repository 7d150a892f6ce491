"""How well the language student reads what it was not taught on, and from where on it is to be believed.

Examined is on domains and phrases that are held back. One half finds the calibration (Platt, 1999) and the threshold,
by which the right answers less the wrong ones are most; the other half tells how good both are.
"""

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import NamedTuple

import numpy as np

from ..evaluation.scoring import (
    RejectionRead,
    RequestRead,
    exact_match,
    false_answers,
    kind_and_table_match,
    kinds_f1,
    reasons_f1,
    refused,
)
from ..language.model import CERTAIN, Calibration, Model, Task
from ..language.reading import Operation
from ..language.student import Student
from . import requests
from .calibrating import platt
from .proposals import proposed
from .rejections import rejection
from .seeds import random_of

OF_A_CATALOG = 12
BEFORE = Calibration(threshold=0.0)


class Judged(NamedTuple):
    """How certain the network was, and whether it was right."""

    certainty: float
    is_right: bool


def examined(model: Model, size: int, told: Callable[[str], None]) -> tuple[Model, dict[str, float]]:
    """The model with its calibration, and its figures on the other half of `size` requests and as many of the rest."""
    student = Student(model.with_calibration(dict.fromkeys(("request", "reason", "proposal"), BEFORE)))
    calibration: dict[Task, Calibration] = {
        "request": calibrated(_requests(student, "calibrate", size)),
        "reason": calibrated(_reasons(student, "calibrate", size)),
        "proposal": calibrated(_proposals(student, "calibrate", size)),
    }
    told(", ".join(f"{task} from {one.threshold:.2f} on" for task, one in calibration.items()))
    model = model.with_calibration(calibration)
    return model, figures(Student(model), size)


def calibrated(judged: Sequence[Judged]) -> Calibration:
    """Where nothing is right, or nothing wrong, what the network says is taken as it is."""
    right = np.array([one.is_right for one in judged])
    if not 0 < right.sum() < len(right):
        return Calibration()
    said = np.clip([one.certainty for one in judged], CERTAIN, 1 - CERTAIN)
    slope, offset = platt(np.log(said / (1 - said)), right)
    found = Calibration(slope=slope, offset=offset)
    chances = np.array([found.probability(one.certainty) for one in judged])
    thresholds = np.linspace(0, 1, 101)
    worth = [float((np.where(right, 1, -1) * (chances >= one)).sum()) for one in thresholds]
    return found.model_copy(update={"threshold": float(thresholds[int(np.argmax(worth))])})


def figures(student: Student, size: int) -> dict[str, float]:
    reads, why = [], []
    for batch, one in _asked("report", size):
        found = student.read_request(one.text, batch.tables).value or ()
        reads.append(RequestRead(batch.domain, one.operations, found))
        why.append((one.why, bool(found)))
    random = random_of("report")
    rejections = [rejection("validation", random) for _ in range(size)]
    classes = [
        RejectionRead("validation", one.reason, student.read_reason(one.text).value or "unclear") for one in rejections
    ]
    answers = [proposed("validation", random) for _ in range(size)]
    verdicts = [student.read_said(one.text).value == one.verdict for one in answers]
    scores = (exact_match, kind_and_table_match, refused, false_answers, kinds_f1)
    found_ = {score.__name__: score(reads) for score in scores}
    for reason in requests.WHYS:
        of_it = [is_answered for one, is_answered in why if one == reason]
        found_ |= {f"false_answers, {reason}": fmean(of_it)} if of_it else {}
    return found_ | {"reasons_f1": reasons_f1(classes), "verdicts_right": fmean(verdicts)}


def _asked(seed: str, size: int) -> list[tuple[requests.Batch, requests.Request]]:
    batches = [
        requests.batch("validation", f"{seed}:{number}", OF_A_CATALOG) for number in range(-(-size // OF_A_CATALOG))
    ]
    return [(batch, one) for batch in batches for one in batch.requests]


def _requests(student: Student, seed: str, size: int) -> list[Judged]:
    """Of those that are answered."""
    judged = []
    for batch, one in _asked(seed, size):
        choosing, certainty = student.raw_request(one.text, batch.tables)
        if found := choosing.operations():
            judged.append(Judged(certainty, _sets(found) == _sets(one.operations)))
    return judged


def _sets(operations: Sequence[Operation]) -> set[tuple[str, str, frozenset[str]]]:
    return {(one.kind, one.table, frozenset(one.columns)) for one in operations}


def _reasons(student: Student, seed: str, size: int) -> list[Judged]:
    random = random_of(seed)
    made = [rejection("validation", random) for _ in range(size)]
    said = [student.read_reason(one.text) for one in made]
    return [Judged(one.probability, one.value == other.reason) for one, other in zip(said, made, strict=True)]


def _proposals(student: Student, seed: str, size: int) -> list[Judged]:
    random = random_of(seed)
    made = [proposed("validation", random) for _ in range(size)]
    said = [student.read_said(one.text) for one in made]
    return [Judged(one.probability, one.value == other.verdict) for one, other in zip(said, made, strict=True)]
