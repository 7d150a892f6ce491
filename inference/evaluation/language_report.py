"""How well free text is read: the part of the report on language."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

import numpy as np

from ..distill.proposals import Proposed
from . import explained
from .costing import Held
from .explained import Overlap
from .markdown import table
from .preferring import preferred
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


def chosen(words: Reads, student: Reads | None) -> str:
    """What the student is the default for, by the texts for validation; a tie goes to words."""
    if student is None:
        return "There is no student to choose from: the default is **words**."
    choices = preferred(words, student)
    told = [
        f"{name}: words {one.words.mean:.3f}, student {one.student.mean:.3f}, difference {one.more.mean:+.3f} "
        f"({one.more.low:+.3f} to {one.more.high:+.3f}, paired by domain): the default is "
        f"**{'student' if one.is_student else 'words'}**."
        for name, one in choices.items()
    ]
    domains = len({one.domain for one in words.requests})
    return (
        f"The default is chosen on {len(words.requests):,} other requests and {len(words.rejections):,} other reasons "
        f"of {domains} other domains, written singly for validation; the student is read in each domain with the "
        "calibration that the others find, and a tie goes to words. Of requests counts the share of exact answers less "
        "that of false ones, of reasons the share of right classes.\n\n"
        + "\n".join(f"- {one}" for one in told)
        + few(domains)
    )


def explanations_told(found: Iterable[Overlap]) -> str:
    """Of at least one."""
    known = explained.suggestions()
    databases = len({one.database for one in known})
    return (
        f"{len(known):,} real suggestions of {databases} databases beside what was written singly to explain each, "
        "from the same facts and by writers who had seen no template. Both figures count words in common with the "
        "nearest of the references: what is said well in other words counts as wrong, and nothing is tuned for them."
        "\n\n"
        + table(
            ("who explains", "no valid answer", "ROUGE-L", "BLEU"),
            [(one.name, one.refused, f"{one.rouge_l:.3f}", f"{one.bleu:.3f}") for one in found],
        )
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


def _times(taken_s: Sequence[float]) -> list[str]:
    return [f"{1e3 * value:.1f}" for value in np.quantile(taken_s, (0.5, 0.95))]


def _told(one: Estimate) -> str:
    return f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})"
