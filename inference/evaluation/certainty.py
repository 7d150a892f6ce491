"""Whether a reader that says how certain it is knows that: its answers before the threshold, and what is left after it.

A request is answered where operations are read, with whatever probability; one that is read as none has no probability
that would be calibrated.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..distill.proposals import Proposed
from ..language.model import TASKS, Calibration, Model, Task
from ..language.student import Said, Student
from .calibration import BINS, HEADS, Bin, Numbers, Truths, bins, calibration
from .markdown import table
from .scoring import is_exact
from .written import Domain

Answers = tuple[Numbers, Truths]
"""How likely each is said to be right, and whether it is."""


def report(models: Iterable[Model], domains: Sequence[Domain], proposals: Sequence[Proposed]) -> str:
    """Markdown. One model has answered all before the next is asked for."""
    rows, of_bins = [], []
    for model in models:
        found = answers(model, domains, proposals)
        for task in TASKS:
            said, right = found[task]
            name = (model.config.name, task)
            threshold = threshold_of(model, task)
            read = said >= threshold
            part = f"{read.mean():.0%}" if len(said) else ""
            of_read = f"{right[read].mean():.0%}" if read.any() else ""
            told = [*calibration(said, right), f"{right.mean():.3f}"] if len(said) else [""] * (len(HEADS) + 1)
            rows.append([*name, len(said), f"{threshold:.2f}", part, of_read, *told])
            by_place = bins(said, right)
            of_bins.append([*name, *(_bin(by_place, place) for place in range(BINS))])
    return "\n\n".join(
        [
            "Answers before the threshold: how many are read, which is those as likely as the threshold or more, how "
            "many of these are right, and of all of them the Brier score and the mean distance between what is said "
            "and what is so over ten bins. A request counts where operations are read, and is right if all are.",
            table(("reader", "of a", "answers", "threshold", "read", "right of those", *HEADS, "right"), rows),
            "How often it is right by the probability that is said, and of how many:",
            table(("reader", "of a", *(f"{place / BINS:.1f}" for place in range(BINS))), of_bins),
        ]
    )


def answers(model: Model, domains: Iterable[Domain], proposals: Iterable[Proposed]) -> Mapping[Task, Answers]:
    student = Student(without_thresholds(model))
    found: dict[Task, list[tuple[float, bool]]] = {task: [] for task in TASKS}

    def note(task: Task, said: Said[Any], is_right: bool) -> None:
        found[task].append((said.probability, is_right))

    for domain in domains:
        for asked in domain.requests:
            request = student.read_request(asked.text, domain.tables)
            if request.value:
                note("request", request, is_exact(request.value, asked.operations))
        for rejected in domain.rejections:
            reason = student.read_reason(rejected.text)
            note("reason", reason, reason.value == rejected.reason)
    for one in proposals:
        verdict = student.read_said(one.text)
        note("proposal", verdict, verdict.value == one.verdict)
    return {
        task: (np.array([said for said, _ in each]), np.array([right for _, right in each], bool))
        for task, each in found.items()
    }


def without_thresholds(model: Model) -> Model:
    return model.with_calibration(
        {task: one.model_copy(update={"threshold": 0.0}) for task, one in model.config.calibration.items()}
    )


def threshold_of(model: Model, task: Task) -> float:
    return model.config.calibration.get(task, Calibration(threshold=0.0)).threshold


def _bin(by_place: Mapping[int, Bin], place: int) -> str:
    one = by_place.get(place)
    return f"{one.true:.0%} of {one.size:,}" if one else ""
