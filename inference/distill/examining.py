"""How well the language student reads what it was not taught on, and from where on it is to be believed.

Requests and reasons that were written singly (`held_back/`) find the calibration (Platt, 1999) and the threshold, by
which the right answers less the wrong ones are most. What is told of them is cross-fitted: each domain is read with
what the others find. Nobody wrote proposals for validation; theirs is found on the grammar's, of which only domains
are held back, and no lines. What the grammar makes of what it holds back is told as the second half.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

import numpy as np

from ..evaluation.preferring import preferred
from ..evaluation.readers import Reads, Taught, Words, read
from ..evaluation.scoring import (
    RejectionRead,
    RequestRead,
    exact_match,
    false_answers,
    is_exact,
    kind_and_table_match,
    kinds_f1,
    reasons_f1,
    refused,
)
from ..evaluation.written import Domain
from ..language.model import CERTAIN, TASKS, Calibration, Model, Task
from ..language.student import Student
from . import held_back, requests
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
    """The model with its calibration and what it reads better than words do, of which proposals are, which words do not
    read; and its figures on what was written singly and on `size` texts of the grammar of each sort.
    """
    student = _uncalibrated(model)
    asked, rejected = _judged(student)
    calibration: dict[Task, Calibration] = {
        "request": calibrated(_all(asked)),
        "reason": calibrated(_all(rejected)),
        "proposal": calibrated(_proposals(student, size)),
    }
    told(", ".join(f"{task} from {one.threshold:.2f} on" for task, one in calibration.items()))
    model = model.with_calibration(calibration)
    singly = read_held_back(model)
    better = [task for task, one in preferred(read(Words(), held_back.domains()), singly).items() if one.is_student]
    model = model.that_reads([*better, "proposal"])
    told(f"better than words at: {', '.join(better) or 'nothing'}")
    halves = {
        "held back": _of_requests(singly.requests) | {"reasons_f1": reasons_f1(singly.rejections)},
        "grammar": figures(Student(model), size),
    }
    return model, {f"{half}: {name}": value for half, found in halves.items() for name, value in found.items()}


def read_held_back(model: Model) -> Reads:
    """Each domain with the calibration that the others find, whatever that of the model is."""
    asked, rejected = map(cross_fitted, _judged(_uncalibrated(model)))
    found = Reads()
    for domain in held_back.domains():
        calibration: dict[Task, Calibration] = {"request": asked[domain.domain], "reason": rejected[domain.domain]}
        one = read(Taught(Student(model.with_calibration(calibration))), [domain])
        found.requests += one.requests
        found.rejections += one.rejections
    return found


def cross_fitted(judged: Mapping[str, Sequence[Judged]]) -> dict[str, Calibration]:
    """For each domain what all others find."""
    return {name: calibrated([one for other, of in judged.items() if other != name for one in of]) for name in judged}


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
    """Of the grammar."""
    reads, why = [], []
    for batch, one in _asked(size):
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
    found_ = _of_requests(reads)
    for reason in requests.WHYS:
        of_it = [is_answered for one, is_answered in why if one == reason]
        found_ |= {f"false_answers, {reason}": fmean(of_it)} if of_it else {}
    return found_ | {"reasons_f1": reasons_f1(classes), "verdicts_right, of lines that are taught": fmean(verdicts)}


def _asked(size: int) -> list[tuple[requests.Batch, requests.Request]]:
    batches = [
        requests.batch("validation", f"report:{number}", OF_A_CATALOG) for number in range(-(-size // OF_A_CATALOG))
    ]
    return [(batch, one) for batch in batches for one in batch.requests]


def _of_requests(reads: Sequence[RequestRead]) -> dict[str, float]:
    scores = (exact_match, kind_and_table_match, refused, false_answers, kinds_f1)
    return {score.__name__: score(reads) for score in scores}


def _uncalibrated(model: Model) -> Student:
    return Student(model.with_calibration(dict.fromkeys(TASKS, BEFORE)))


def _judged(student: Student) -> tuple[dict[str, list[Judged]], dict[str, list[Judged]]]:
    """Requests and rejections that are held back, by domain."""
    asked, rejected = {}, {}
    for of in held_back.domains():
        asked[of.domain], rejected[of.domain] = list(_requests(student, of)), _reasons(student, of)
    return asked, rejected


def _all(judged: Mapping[str, Sequence[Judged]]) -> list[Judged]:
    return [one for of in judged.values() for one in of]


def _requests(student: Student, of: Domain) -> Iterator[Judged]:
    """Those that are answered."""
    for one in of.requests:
        choosing, certainty = student.raw_request(one.text, of.tables)
        if found := choosing.operations():
            yield Judged(certainty, is_exact(found, one.operations))


def _reasons(student: Student, of: Domain) -> list[Judged]:
    said = [student.read_reason(one.text) for one in of.rejections]
    return [Judged(one.probability, one.value == other.reason) for one, other in zip(said, of.rejections, strict=True)]


def _proposals(student: Student, size: int) -> list[Judged]:
    random = random_of("calibrate")
    made = [proposed("validation", random) for _ in range(size)]
    said = [student.read_said(one.text) for one in made]
    return [Judged(one.probability, one.value == other.verdict) for one, other in zip(said, made, strict=True)]
