"""Whoever reads the texts of the evaluation, and what was read: the matcher of words, the student, any backend."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from schemas.errors import InvalidAnswer, JudgementError

from ..language import tasks, words
from ..language.asks import Ask, Backend, Reply
from ..language.prose import explanation_ask, explanation_of
from ..language.reading import Kind, Operation, Reason, Table
from ..language.student import Student
from .scoring import RejectionRead, RequestRead, Verdict
from .written import Domain

WITHIN_S = 60.0
"""For an answer: how long a model takes is told, not judged."""


class Reader(Protocol):
    """What is not understood is no operation, a reason that is `unclear`, and no verdict."""

    name: str
    reads_proposals: bool
    refusals: int
    """Answers that there were none of, or none that was valid."""

    def request(self, text: str, tables: Sequence[Table]) -> tuple[Operation, ...]: ...
    def reason(self, text: str) -> Reason: ...
    def verdict(self, text: str) -> Verdict | None:
        """Of a proposal beside its contract, as `said_of` says them."""


class Words:
    name = "words"
    reads_proposals = False
    refusals = 0

    def request(self, text: str, tables: Sequence[Table]) -> tuple[Operation, ...]:
        return words.operations(text, tables)

    def reason(self, text: str) -> Reason:
        return words.reason(text)

    def verdict(self, text: str) -> Verdict | None:  # noqa: ARG002
        return None


class Taught:
    reads_proposals = True
    refusals = 0

    def __init__(self, student: Student) -> None:
        self.name = student.model.config.name
        self._student = student

    def request(self, text: str, tables: Sequence[Table]) -> tuple[Operation, ...]:
        return self._student.read_request(text, tables).value or ()

    def reason(self, text: str) -> Reason:
        return self._student.read_reason(text).value or "unclear"

    def verdict(self, text: str) -> Verdict | None:
        return self._student.read_said(text).value


class Asked:
    """A backend, in the loop of `runner`. What it refuses is not understood."""

    reads_proposals = True

    def __init__(self, name: str, backend: Backend, runner: asyncio.Runner) -> None:
        self.name = name
        self.refusals = 0
        self._backend = backend
        self._runner = runner

    def request(self, text: str, tables: Sequence[Table]) -> tuple[Operation, ...]:
        reply = self._say(tasks.request_ask(text, tables))
        return tasks.operations_of(reply.answer) if reply else ()

    def reason(self, text: str) -> Reason:
        reply = self._say(tasks.reason_ask(text))
        return (tasks.reason_of(reply.answer) if reply else None) or "unclear"

    def verdict(self, text: str) -> Verdict | None:
        reply = self._say(Ask(task=tasks.PROPOSAL, text=text, answer=tasks.VERDICT))
        return tasks.verdict_of(reply.answer) if reply else None

    def explanation(self, title: str, facts: str) -> str | None:
        ask = explanation_ask(title, facts)
        reply = self._say(ask)
        try:
            return explanation_of(reply.answer, ask) if reply else None
        except InvalidAnswer:
            return None

    def _say(self, ask: Ask) -> Reply | None:
        try:
            return self._runner.run(self._backend.say(ask, within_s=WITHIN_S))
        except JudgementError:
            self.refusals += 1
            return None


class Majority:
    """Says of everything what is most often right."""

    name = "majority class"
    reads_proposals = True
    refusals = 0

    def __init__(self, domains: Iterable[Domain], verdicts: Iterable[Verdict]) -> None:
        of = list(domains)
        kinds = Counter(kind for domain in of for one in domain.requests for kind in _kinds(one.operations))
        kind = kinds.most_common(1)[0][0]
        self._operations = (Operation(kind=kind, table="", columns=()),) if kind else ()
        self._reason = Counter(one.reason for domain in of for one in domain.rejections).most_common(1)[0][0]
        self._verdict = next((one for one, _ in Counter(verdicts).most_common(1)), None)

    def request(self, text: str, tables: Sequence[Table]) -> tuple[Operation, ...]:  # noqa: ARG002
        return self._operations

    def reason(self, text: str) -> Reason:  # noqa: ARG002
        return self._reason

    def verdict(self, text: str) -> Verdict | None:  # noqa: ARG002
        return self._verdict


def _kinds(operations: Sequence[Operation]) -> set[Kind | None]:
    """None is the class of a text without operations."""
    return {one.kind for one in operations} or {None}


@dataclass(slots=True)
class Reads:
    """With the seconds that each text took."""

    requests: list[RequestRead] = field(default_factory=list)
    rejections: list[RejectionRead] = field(default_factory=list)
    request_s: list[float] = field(default_factory=list)
    rejection_s: list[float] = field(default_factory=list)


def read(reader: Reader, domains: Iterable[Domain]) -> Reads:
    found = Reads()
    for domain in domains:
        for asked in domain.requests:
            begun = time.perf_counter()
            operations = reader.request(asked.text, domain.tables)
            found.request_s.append(time.perf_counter() - begun)
            found.requests.append(RequestRead(domain.domain, asked.operations, operations))
        for rejected in domain.rejections:
            begun = time.perf_counter()
            reason = reader.reason(rejected.text)
            found.rejection_s.append(time.perf_counter() - begun)
            found.rejections.append(RejectionRead(domain.domain, rejected.reason, reason))
    return found
