"""How well free text is read: the part of the report on language."""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from statistics import fmean

import numpy as np

from ..distill.proposals import Proposed
from .costing import Held
from .markdown import table
from .overlap import Explanation, bleu, rouge_l
from .ranking_report import few
from .readers import Majority, Reader, Reads, read
from .scoring import (
    Estimate,
    RequestRead,
    estimate,
    exact_match,
    false_answers,
    kind_and_table_match,
    kinds_f1,
    reasons_f1,
    refused,
)
from .texts import Domain

REQUESTS: dict[str, Callable[[Sequence[RequestRead]], float]] = {
    "exact": exact_match,
    "kind and table": kind_and_table_match,
    "false answers": false_answers,
    "refused": refused,
    "macro-F1 of kinds": kinds_f1,
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
            f"Imitation of the policy of contracts, on {len(proposals):,} proposals that are made up from phrases and "
            "domains which training does not have: the share with the policy's answer, and with its reason too.",
            table(("reader", "answer", "answer and reason"), [(name, *shares) for name, shares in verdicts]),
            *silent,
        ]
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
    return [*(_told(estimate(score, of.requests)) for score in REQUESTS.values()), *_times(of.request_s)]


def _verdicts(reader: Reader, proposals: Sequence[Proposed]) -> list[str]:
    said = [(reader.verdict(one.text), (*one.verdict,)) for one in proposals]
    answers = fmean(found is not None and found[0] == wanted[0] for found, wanted in said)
    return [f"{answers:.3f}", f"{fmean(found == wanted for found, wanted in said):.3f}"]


def _times(taken_s: Sequence[float]) -> list[str]:
    return [f"{1e3 * value:.1f}" for value in np.quantile(taken_s, (0.5, 0.95))]


def _told(one: Estimate) -> str:
    return f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})"
