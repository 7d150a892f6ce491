"""The statements of a workload as they are run: template and exemplars made one, judged, and run twice first."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import NotMeasurable
from ..fingerprint import fill, shape
from ..records import WorkloadShape
from .equality import DIFFERENT, UNKNOWN, Result, compare, result, worst
from .files import Copies
from .gate import JOINS, Gate, Reading
from .job import Exemplar
from .sandbox import Sandbox

MOST_EXEMPLARS = 3
"""Of a reading statement: all runs are over all of them."""

READ = "select"
WRITES = frozenset({"insert", "update", "delete"})


@dataclass(slots=True)
class Side:
    """An open database, and what is otherwise read there: rewritten texts and converted files, by their ids."""

    sandbox: Sandbox
    texts: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Query:
    """A shape that can be measured. `steady` says how equal two runs of it were, `run_s` how long one takes."""

    shape: WorkloadShape
    exemplars: tuple[Exemplar, ...]
    copies: Mapping[str, str]
    readings: tuple[Reading, ...]
    steady: str
    run_s: float

    @property
    def fingerprint(self) -> str:
        return self.shape.fingerprint

    @property
    def weight(self) -> int:
        return max(self.shape.count, 1)

    @property
    def scale_free(self) -> bool:
        """Whether its time on a sample says something of that on all rows: not with joins and top-N."""
        return not any(reading.operators & (JOINS | {"TOP_N"}) for reading in self.readings)

    def statements(self, side: Side) -> list[str]:
        """Raises NotMeasurable where a rewritten text wants a literal that there is none of."""
        text = side.texts.get(self.fingerprint, self.shape.statement)
        files = {**self.copies, **side.files}
        return [fill(text, exemplar.literals, files) for exemplar in self.exemplars]


def original(shape_: WorkloadShape) -> None:
    """Raises NotMeasurable where the text is not what the fingerprint says: exemplars are for that text alone."""
    if shape(shape_.statement).id != shape_.fingerprint:
        raise NotMeasurable("its text and its fingerprint do not belong together")


def probe(
    known: WorkloadShape, exemplars: Sequence[Exemplar], side: Side, gate: Gate, copies: Copies, limit_s: float
) -> Query:
    """Runs it with each exemplar that can be run, and with the first of those twice, in at most twice `limit_s`.

    Raises NotMeasurable, with the reason of the last, where none can.
    """
    if known.kind != READ:
        raise NotMeasurable(f"a statement of the kind {known.kind!r} is not measured")
    original(known)
    usable: list[Exemplar] = []
    readings: list[Reading] = []
    steady, run_s = UNKNOWN, 0.0
    placed: dict[str, str] = {}
    deadline = time.monotonic() + 2 * limit_s
    problem = NotMeasurable("no concrete statement of it was kept")
    for exemplar in exemplars[:MOST_EXEMPLARS]:
        try:
            files = copies.of(exemplar.files)
            statement = fill(known.statement, exemplar.literals, files)
            with side.sandbox.limit(min(limit_s, deadline - time.monotonic())):
                reading = gate.reading(statement)
                first = result(side.sandbox, statement)
            if not usable:
                begun = time.monotonic()
                second = run(side, statement, min(limit_s, deadline - begun))
                run_s = time.monotonic() - begun
                if second.digest is not None:  # counted in DuckDB, which a product's run is not
                    with side.sandbox.limit(min(limit_s, deadline - time.monotonic())):
                        begun = time.monotonic()
                        side.sandbox.drain(statement)
                        run_s = time.monotonic() - begun
                steady = compare(first, second, reading)
        except NotMeasurable as error:
            problem = error
            continue
        usable.append(exemplar)
        readings.append(reading)
        placed |= files
    if not usable:
        raise problem
    return Query(known, tuple(usable), placed, tuple(readings), steady, run_s)


def run(side: Side, statement: str, limit_s: float) -> Result:
    with side.sandbox.limit(limit_s):
        return result(side.sandbox, statement)


def equality(query: Query, before: Side, after: Side, limit_s: float) -> str:
    """How equal the results of both sides are, as far as the statement's own are so from run to run."""
    found = []
    for old, new, reading in zip(query.statements(before), query.statements(after), query.readings, strict=True):
        found.append(compare(run(before, old, limit_s), run(after, new, limit_s), reading))
    return UNKNOWN if query.steady in (UNKNOWN, DIFFERENT) else worst(found)
