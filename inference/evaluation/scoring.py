"""How well texts were read: shares and macro-F1, with intervals by a bootstrap over domains.

Texts of a domain share a catalog and a writer's habits and are not independent. What is drawn anew is therefore whole
domains, with replacement. Source: Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8
(the first level alone of the hierarchy), with the percentile interval of section 5.3.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence, Set
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple, TypeVar

import numpy as np

from schemas.measure.statistics import CONFIDENCE

from ..language.reading import Answer, Ground, Operation, Reason

RESAMPLES = 1000
SEED = 5


@dataclass(frozen=True, slots=True)
class RequestRead:
    domain: str
    wanted: tuple[Operation, ...]
    found: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class RejectionRead:
    domain: str
    wanted: Reason
    found: Reason


Verdict = tuple[Answer, Ground]


@dataclass(frozen=True, slots=True)
class VerdictRead:
    """None is found where a proposal was not understood."""

    domain: str
    wanted: Verdict
    found: Verdict | None


class Estimate(NamedTuple):
    value: float
    low: float
    high: float


Read = TypeVar("Read", RequestRead, RejectionRead, VerdictRead)


def exact_match(reads: Iterable[RequestRead]) -> float:
    """Share of the answerable texts of which all operations are right: kind, table and the set of columns.

    Unanswerable texts count in `false_answers` alone, since a reader that never answers would match all of them.
    """
    return fmean(is_exact(read.found, read.wanted) for read in reads if read.wanted)


def is_exact(found: Iterable[Operation], wanted: Iterable[Operation]) -> bool:
    """Whether all are the same, whatever the order of operations and of their columns."""
    return _same(found, wanted, lambda one: (one.kind, one.table, frozenset(one.columns)))


def kind_and_table_match(reads: Iterable[RequestRead]) -> float:
    """As `exact_match`, whatever the columns are."""
    return fmean(_same(read.found, read.wanted, lambda one: (one.kind, one.table)) for read in reads if read.wanted)


def false_answers(reads: Iterable[RequestRead]) -> float:
    """Share of the unanswerable texts that were answered."""
    return fmean(bool(read.found) for read in reads if not read.wanted)


def refused(reads: Iterable[RequestRead]) -> float:
    """Share of the answerable texts that were not answered."""
    return fmean(not read.found for read in reads if read.wanted)


def kinds_f1(reads: Iterable[RequestRead]) -> float:
    """Macro-F1 over the kinds, of which a text may have two; "none" is that of a text without operations."""
    return _macro_f1((_kinds(read.wanted), _kinds(read.found)) for read in reads)


def reasons_f1(reads: Iterable[RejectionRead]) -> float:
    return _macro_f1(({read.wanted}, {read.found}) for read in reads)


def answers_right(reads: Iterable[VerdictRead]) -> float:
    """Share of the proposals with the answer, whatever its reason."""
    return fmean(read.found is not None and read.found[0] == read.wanted[0] for read in reads)


def verdicts_right(reads: Iterable[VerdictRead]) -> float:
    """Share of the proposals with the answer and its reason."""
    return fmean(read.found == read.wanted for read in reads)


def verdicts_f1(reads: Iterable[VerdictRead]) -> float:
    """Macro-F1 over answers with their reasons; "not understood" is no class of its own."""
    return _macro_f1(({read.wanted}, {read.found} - {None}) for read in reads)


def estimate(score: Callable[[Sequence[Read]], float], reads: Sequence[Read]) -> Estimate:
    """The score of all, with its interval of `CONFIDENCE` over `RESAMPLES` seeded draws of as many domains."""
    by_domain: dict[str, list[Read]] = {}
    for read in reads:
        by_domain.setdefault(read.domain, []).append(read)
    groups = list(by_domain.values())
    draws = np.random.default_rng(SEED).integers(len(groups), size=(RESAMPLES, len(groups)))
    scores = [score([read for group in draw for read in groups[group]]) for draw in draws]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(scores, [tail, 1 - tail])
    return Estimate(score(reads), float(low), float(high))


def _same(found: Iterable[Operation], wanted: Iterable[Operation], told: Callable[[Operation], Hashable]) -> bool:
    return Counter(map(told, found)) == Counter(map(told, wanted))


def _kinds(operations: Iterable[Operation]) -> set[str]:
    return {operation.kind for operation in operations} or {"none"}


def _macro_f1(pairs: Iterable[tuple[Set[Hashable], Set[Hashable]]]) -> float:
    """The mean of 2 TP / (2 TP + FP + FN) over the classes that are wanted or found at least once."""
    both: Counter[Hashable] = Counter()
    either: Counter[Hashable] = Counter()
    for wanted, found in pairs:
        both.update(wanted & found)
        either.update([*wanted, *found])
    return fmean(2 * both[one] / count for one, count in either.items())
