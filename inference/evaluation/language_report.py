"""How well free text is read: the part of the report on language."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

import numpy as np

from ..distill.proposals import Proposed
from .costing import Held
from .markdown import table
from .overlap import Explanation, bleu, rouge_l
from .ranking import difference, mean
from .ranking_report import few
from .readers import Majority, Reader, Reads, read
from .scoring import (
    Estimate,
    Read,
    RequestRead,
    VerdictRead,
    answers_right,
    estimate,
    exact_match,
    false_answers,
    kind_and_table_match,
    kinds_f1,
    reasons_f1,
    refused,
    verdicts_f1,
    verdicts_right,
)
from .written import Domain

REQUESTS: dict[str, Callable[[Sequence[RequestRead]], float]] = {
    "exact": exact_match,
    "kind and table": kind_and_table_match,
    "false answers": false_answers,
    "refused": refused,
    "macro-F1 of kinds": kinds_f1,
}
VERDICTS: dict[str, Callable[[Sequence[VerdictRead]], float]] = {
    "answer": answers_right,
    "answer and reason": verdicts_right,
    "macro-F1": verdicts_f1,
}
TIMES = ("p50 ms", "p95 ms")


def report(readers: Iterable[Reader], domains: Sequence[Domain], proposals: Sequence[Proposed]) -> str:
    """Markdown. One reader has read all before the next is asked for.

    Domains have texts that can be answered, texts that cannot, and rejections.
    """
    found, verdicts, silent = [], [], []
    for one in chain([Majority(domains, [(*of.verdict,) for of in proposals])], readers):
        found.append((one.name, read(one, domains)))
        if one.reads_proposals:
            verdicts.append((one.name, _verdicts(one, proposals)))
        if one.refusals:
            silent.append(f"{one.name} gave no valid answer {one.refusals:,} times, which is not understood.")
    asked = len({one.proposal.to for one in proposals})
    requests, rejections = (sum(len(getattr(one, name)) for one in domains) for name in ("requests", "rejections"))
    return "\n\n".join(
        [
            f"{requests:,} requests and {rejections:,} rejections of {len(domains)} domains, written singly before "
            "there was a model. Shares and macro-F1 with the 95 % interval of a bootstrap by domain; exact, kind and "
            "table, and refused are of the texts that can be answered, false answers of those that cannot. The "
            f"majority class says of everything what is most often right.{few(len(domains))}",
            "### Requests",
            table(("reader", *REQUESTS, *TIMES), [(name, *_requests(of)) for name, of in found]),
            "### Reasons of rejections",
            table(
                ("reader", "macro-F1", *TIMES),
                [(name, _told(estimate(reasons_f1, of.rejections)), *_times(of.rejection_s)) for name, of in found],
            ),
            "### Coordination",
            f"Imitation of the policy of contracts, which says the verdict: {len(proposals):,} proposals to {asked} "
            "domains, written singly by somebody who had not read what training is made of. The share with the "
            "policy's answer, that with its reason too, and macro-F1 over answers with their reasons, with the 95 % "
            f"interval of a bootstrap by the domain that is asked.{few(asked)}",
            table(("reader", *VERDICTS), [(name, *_scores(VERDICTS, of)) for name, of in verdicts]),
            *silent,
        ]
    )


def chosen(words: Sequence[RequestRead], student: Sequence[RequestRead] | None) -> str:
    """Of the texts for validation the default by exact answers less false ones; the words, unless the paired interval
    tells that the student is better.
    """
    if student is None:
        return "There is no student to choose from: the default is **words**."
    of_words, of_student = _worths(words), _worths(student)
    more = difference(of_student, of_words)
    return (
        f"The default is chosen on {len(words):,} other requests, of {len(of_words)} other domains, written singly for "
        "validation, by the share of exact answers less that of false ones: words "
        f"{mean(of_words).mean:.3f}, student {mean(of_student).mean:.3f}. The student, read in each domain with the "
        f"calibration that the others find, has {more.mean:+.3f} ({more.low:+.3f} to {more.high:+.3f}, paired by "
        f"domain), and a tie goes to words: the default is **{'student' if more.low > 0 else 'words'}**."
        f"{few(len(of_words))}"
    )


def explanations_told(explanations: Sequence[Explanation]) -> str:
    if not explanations:
        return "Nobody has written references for explanations, so that ROUGE-L and BLEU are not told.\n"
    return (
        f"{len(explanations):,} explanations beside their references: ROUGE-L {rouge_l(explanations):.3f}, BLEU "
        f"{bleu(explanations):.3f}. They count words in common, and nothing is tuned for them.\n"
    )


def held_told(held: Sequence[Held]) -> str:
    return table(
        ("reader", "memory of a process that has read by it, MB", "files, bytes"),
        [(one.name, f"{one.resident_bytes / 1e6:,.0f}", one.bytes) for one in held],
    )


def _requests(of: Reads) -> list[str]:
    return [*_scores(REQUESTS, of.requests), *_times(of.request_s)]


def _verdicts(reader: Reader, proposals: Sequence[Proposed]) -> list[VerdictRead]:
    return [VerdictRead(one.proposal.to, (*one.verdict,), reader.verdict(one.text)) for one in proposals]


def _scores(scores: Mapping[str, Callable[[Sequence[Read]], float]], reads: Sequence[Read]) -> list[str]:
    return [_told(estimate(score, reads)) for score in scores.values()]


def _worths(reads: Iterable[RequestRead]) -> dict[str, list[float]]:
    """By domain; each has texts that can be answered, and others."""
    of: dict[str, list[RequestRead]] = {}
    for one in reads:
        of.setdefault(one.domain, []).append(one)
    return {domain: [exact_match(some) - false_answers(some)] for domain, some in of.items()}


def _times(taken_s: Sequence[float]) -> list[str]:
    return [f"{1e3 * value:.1f}" for value in np.quantile(taken_s, (0.5, 0.95))]


def _told(one: Estimate) -> str:
    return f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})"
