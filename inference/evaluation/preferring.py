"""Who reads by default, the student or words: of texts for validation, paired by domain; a tie goes to words."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Literal, NamedTuple

from .ranking import Mean, difference, mean
from .readers import Reads
from .scoring import Read, exact_match, false_answers


class Choice(NamedTuple):
    """`more` is what the student has more."""

    words: Mean
    student: Mean
    more: Mean

    @property
    def is_student(self) -> bool:
        return self.more.low > 0


def preferred(words: Reads, student: Reads) -> Mapping[Literal["request", "reason"], Choice]:
    """Of requests by the share of exact answers less that of false ones, of reasons by that of right classes.

    Each domain has texts that can be answered, and others.
    """

    def of_requests(reads: Reads) -> dict[str, list[float]]:
        return {name: [exact_match(some) - false_answers(some)] for name, some in _by_domain(reads.requests).items()}

    def of_reasons(reads: Reads) -> dict[str, list[float]]:
        found = _by_domain(reads.rejections)
        return {name: [fmean(one.found == one.wanted for one in some)] for name, some in found.items()}

    return {
        "request": _choice(of_requests(words), of_requests(student)),
        "reason": _choice(of_reasons(words), of_reasons(student)),
    }


def _choice(words: Mapping[str, Sequence[float]], student: Mapping[str, Sequence[float]]) -> Choice:
    return Choice(mean(words), mean(student), difference(student, words))


def _by_domain(reads: Iterable[Read]) -> dict[str, list[Read]]:
    found: defaultdict[str, list[Read]] = defaultdict(list)
    for one in reads:
        found[one.domain].append(one)
    return found
