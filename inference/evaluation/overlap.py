"""How many words an explanation shares with references: ROUGE-L and BLEU. What is said well otherwise counts as wrong.

Words are in lower case, and each mark of punctuation is one.
"""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from math import exp, log
from statistics import fmean
from typing import NamedTuple

LONGEST = 4
"""Words of an n-gram."""
WORD = re.compile(r"\w+|[^\w\s]")


class Explanation(NamedTuple):
    """`references` are what people wrote for the same, at least one."""

    said: str
    references: tuple[str, ...]


def rouge_l(explanations: Sequence[Explanation]) -> float:
    """The mean of F1 by the longest common subsequence, beside the best of the references.

    Source: Lin, ROUGE: A Package for Automatic Evaluation of Summaries, ACL workshop 2004, section 3.1, with beta 1.
    """
    return fmean(max(_common_f1(words(one.said), words(other)) for other in one.references) for one in explanations)


def bleu(explanations: Sequence[Explanation]) -> float:
    """Of all together, by n-grams of up to LONGEST words, without smoothing: 0 where one length has no match.

    Source: Papineni, Roukos, Ward and Zhu, BLEU: a Method for Automatic Evaluation of Machine Translation, ACL 2002,
    section 2.3. Of references that are as near in length the shorter one counts.
    """
    matched, of = [0] * LONGEST, [0] * LONGEST
    said_length = reference_length = 0
    for one in explanations:
        said, references = words(one.said), [words(other) for other in one.references]
        said_length += len(said)
        reference_length += min((abs(len(other) - len(said)), len(other)) for other in references)[1]
        for place in range(LONGEST):
            found = _grams(said, place + 1)
            most: Counter[tuple[str, ...]] = Counter()
            for other in references:
                most |= _grams(other, place + 1)
            matched[place] += (found & most).total()
            of[place] += found.total()
    if not all(matched):
        return 0.0
    precision = exp(fmean(log(some / all_) for some, all_ in zip(matched, of, strict=True)))
    return precision * min(1.0, exp(1 - reference_length / said_length))


def words(text: str) -> list[str]:
    return WORD.findall(text.lower())


def _common_f1(said: Sequence[str], reference: Sequence[str]) -> float:
    both = len(said) + len(reference)
    return 2 * _longest_common(said, reference) / both if both else 0.0


def _longest_common(one: Sequence[str], other: Sequence[str]) -> int:
    row = [0] * (len(other) + 1)
    for word in one:
        above = row
        row = [0]
        for (diagonal, up), against in zip(pairwise(above), other, strict=True):
            row.append(diagonal + 1 if word == against else max(up, row[-1]))
    return row[-1]


def _grams(said: Sequence[str], length: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(said[start : start + length]) for start in range(len(said) - length + 1))
