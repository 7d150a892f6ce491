"""What the worker has to ask: the student, whose answers are read and not generated, or a model that mlx-lm reads."""

import json
from collections.abc import Sequence
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import Any

from schemas.errors import InvalidAnswer, JudgementError, ModelError, NotItsTask

from ..worker.requests import WINDOW, Said
from ..worker.serving import Speaker
from . import student as reading
from .asks import Ask, Operations, answer_of
from .model import CONFIG, Model
from .proposal import together
from .reading import Table
from .student import Student
from .tasks import CLASS, NOT_UNDERSTOOD, PROPOSAL, REASON, REQUEST, VERDICT, id_of

KNOWN = {REASON.name: CLASS, PROPOSAL.name: VERDICT}
DIGITS = 8


def load(folder: Path, adapter: Path | None = None) -> Speaker:
    """They are told apart by their `config.json`: the student's says its kind. Raises ModelError."""
    try:
        content = (folder / CONFIG).read_bytes()
        config = json.loads(content)
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder} is no language model: {error}") from None
    kind = config.get("kind") if isinstance(config, dict) else None
    if kind is None:
        from .loading import load as load_by_mlx_lm  # a second of imports, which the student does not need

        return load_by_mlx_lm(folder, adapter)
    if kind != "language":
        raise ModelError(f"{folder / CONFIG} is that of a model of the kind {kind!r}, which reads no language")
    if adapter:
        raise ModelError(f"the student in {folder} takes no adapter: it is for a model that mlx-lm reads")
    model = Model.load(folder)
    version = f"{model.config.version}+{sha256(content).hexdigest()[:DIGITS]}"
    return Reader(_tried(Student(model), folder), version)


class Reader:
    """The student as a speaker. What waits and can be answered in the same way is read in one step."""

    rows = WINDOW["say"]
    growth_bytes = 0

    def __init__(self, student: Student, version: str) -> None:
        self.name, self.version = student.model.config.name, version
        self._student = student
        self._reads = student.model.config.reads
        self._waiting: dict[int, Ask] = {}

    def begin(self, key: int, ask: Ask) -> None:
        """Raises JudgementError."""
        if not isinstance(ask.answer, Operations) and ask.answer != KNOWN.get(ask.task.name):
            raise JudgementError(
                f"{ask.task.name}: the student reads requests, reasons and proposals, and no more: templates or the "
                "rules do it"
            )
        if (task := REQUEST.name if isinstance(ask.answer, Operations) else ask.task.name) not in self._reads:
            raise NotItsTask(f"{task}: words are read as well or better without this student")
        self._waiting[key] = ask

    def step(self) -> dict[int, Said | InvalidAnswer]:
        """The reasons, the proposals, or the requests on one catalog: whichever the oldest is of."""
        oldest = next(iter(self._waiting.values()))
        taken = {key: ask for key, ask in self._waiting.items() if ask.answer == oldest.answer}
        found = self._read(oldest, list(taken.values()))
        for key in taken:
            del self._waiting[key]
        return dict(zip(taken, found, strict=True))

    def stop(self, key: int) -> None:
        self._waiting.pop(key, None)

    def reset(self) -> None:
        self._waiting.clear()

    def _read(self, oldest: Ask, asks: Sequence[Ask]) -> list[Said | InvalidAnswer]:
        if isinstance(oldest.answer, Operations):
            requests = [self._student.read_request(ask.text, oldest.answer.tables) for ask in asks]
            return [_said(one, json.dumps(answer_of(one.value or ()))) for one in requests]
        if oldest.answer == CLASS:
            reasons = self._student.read_reasons([ask.text for ask in asks])
            return [_said(one, one.value or NOT_UNDERSTOOD) for one in reasons]
        proposals = self._student.read_proposals([together(ask.context, ask.text) for ask in asks])
        return [_said(one, id_of(*one.value) if one.value else NOT_UNDERSTOOD) for one in proposals]


def _said(found: reading.Said[Any], text: str) -> Said | InvalidAnswer:
    """Of what is not understood no probability is told: it would be that of a reading that was thrown away."""
    if isfinite(found.probability):
        return Said(text, 0, None if found.value is None else found.probability)
    return InvalidAnswer("the student answers with what is no number")


def _tried(student: Student, folder: Path) -> Student:
    """Raises ModelError where it does not read a text for each task."""
    text, table = "orders are slow", Table(name="orders", columns=(("due_date", "DATE"),))
    try:
        found = [
            student.read_request(text, (table,)).probability,
            *(one.probability for read in (student.read_reasons, student.read_proposals) for one in read([text])),
        ]
    except Exception as error:  # noqa: BLE001 - whatever a model may raise
        raise ModelError(f"the student in {folder} cannot read: {error!r}") from None
    if not all(map(isfinite, found)):
        raise ModelError(f"the student in {folder} reads by what is no number: use another model, or train one")
    return student
