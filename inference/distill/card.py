"""The data cards: what the lists made of the labels are like, and the texts. `python -m inference.distill.card`."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from schemas.actions import Rewrite

from ..evaluation.markdown import Row, table
from . import texts_card
from .dataset import Choice, Listed, files, lists_of
from .domains import SPLITS, domains
from .labelled import Labels
from .labels import FOLDER

CARD = "CARD.md"
LONG = 8
"""Candidates of a list by which rankers are compared."""
SCHEMA, QUERIES, COORDINATION = "schema operations", "query optimization", "agent coordination"
SPECIFIED = {SCHEMA: 50_000, QUERIES: 25_000, COORDINATION: 10_000}
"""Examples of the full set, by the kinds of the specification."""


def main(folder: Annotated[Path, typer.Option(help="Where the labels are, and the card goes.")] = FOLDER) -> None:
    """Writes CARD.md from the files of labels: databases, lists and candidates, by split, by rule and by kind.

    Beside it TEXTS.md, of texts that are made for it: requests, reasons of rejections, proposals.
    """
    labels = [Labels.load(file) for file in files(folder)]
    found = [one for of in labels for one in lists_of(of)]
    samples = [texts_card.sample(split) for split in texts_card.SPLITS]
    (folder / texts_card.CARD).write_text(texts_card.card(samples))
    size = sum(file.stat().st_size for file in files(folder))
    (folder / CARD).write_text(card(labels, found, size, texts_card.text_s(samples, "proposals")))
    typer.echo(f"{len(found):,} lists of {len(labels)} databases: {folder / CARD}")


def card(labels: Sequence[Labels], found: Sequence[Listed], size: int, proposal_s: float) -> str:
    """Markdown. A proposal with its verdict is made in `proposal_s`."""
    hours = sum(one.seconds for one in labels) / 3600
    pairs = sum(len(one.pairs) for one in labels)
    versions = ", ".join(sorted({f"{one.versions} on {one.machine}" for one in labels}))
    parts = [
        "# Data card: lists of candidates with measured labels",
        f"Labels are net seconds saved a day by a candidate alone, from interleaved times on databases of "
        f"{_range(one.rows for one in labels)} rows, and 0 where a query does not leave the band in which it differs "
        "from itself. NOTHING is in every list, with 0. Made by `python -m inference.distill.labels`; a list is made "
        "anew from its database's file and a seed.",
        f"{pairs:,} pairs in {hours:.1f} hours ({pairs / hours if hours else 0:,.0f} an hour; "
        f"{len(found) / hours if hours else 0:,.0f} lists an hour), {size:,} bytes in {len(labels)} files. {versions}.",
        "## Splits",
        table(("split", "domains", "databases", "shapes", "lists", "candidates"), _splits(labels, found)),
        "No domain is in two splits; those of the test come from a generator and templates of their own: "
        + "; ".join(f"{split}: {', '.join(one.name for one in domains(split))}" for split in SPLITS)
        + ".",
        "## Lists",
        table(("split", "with a paying candidate", f"of those, with {LONG} and more", "size 10 %", "median", "90 %",
                "candidates without a label"), _sizes(found)),
        "## Candidates by rule",
        table(_OF_CANDIDATES, _by(found, lambda choice: choice.candidate.rule if choice.candidate else "")),
        "## Candidates by kind of change",
        table(_OF_CANDIDATES, _by(found, _kinds)),
        "## Beside the specification",
        table(("kind", "examples of the full set", "part", "part of the first two", "candidates here", "part"),
              _beside(found)),
        "A candidate that rewrites statements alone is of query optimization, any other of schema operations. An "
        "example is a list, which may hold both. " + _full(len(found), len(labels), hours, proposal_s),
        "## Limits",
        "One machine, one version of DuckDB, warm databases that fit into memory, one change at a time. Data and "
        "workloads are generated; the names of half of the test's schemas are public, their data are not. A day is a "
        "drawn one: how often a shape runs is not taken from any product.",
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _beside(found: Iterable[Listed]) -> Iterator[Row]:
    of_kind = Counter(
        QUERIES if _kinds(choice) == Rewrite.kind else SCHEMA
        for one in found
        for choice in one.choices
        if choice.candidate
    )
    first_two = sum(wanted for kind, wanted in SPECIFIED.items() if kind != COORDINATION)
    for kind, wanted in SPECIFIED.items():
        part = _part(wanted, sum(SPECIFIED.values()))
        if kind == COORDINATION:
            yield kind, wanted, part, "", f"made when they are taught ({texts_card.CARD})", ""
        else:
            yield kind, wanted, part, _part(wanted, first_two), of_kind[kind], _part(of_kind[kind], of_kind.total())


def _full(lists: int, databases: int, hours: float, proposal_s: float) -> str:
    """How long all of the full set would take on the machine of the labels."""
    if not lists or not hours:
        return "Nothing is labelled yet, so that there is no rate."
    answered = SPECIFIED[COORDINATION]
    measured = sum(SPECIFIED.values()) - answered
    measured_hours, answered_s = measured / lists * hours, answered * proposal_s
    needed = measured / lists * databases
    return (
        f"At the measured rate, {lists / hours:,.0f} an hour and {lists / databases:,.0f} a database, the {measured:,} "
        f"examples of the first two kinds would take {measured_hours:,.0f} hours and {needed:,.0f} databases. The "
        f"{answered:,} of coordination are answered by the policy of contracts and take {answered_s:,.0f} s. All "
        f"{measured + answered:,}: {measured_hours + answered_s / 3600:,.0f} hours."
    )


_OF_CANDIDATES = ("", "candidates", "gain", "lose", "refused", "median s saved a day of those that gain")


def _splits(labels: Sequence[Labels], found: Sequence[Listed]) -> Iterator[Row]:
    for split in SPLITS:
        mine = [one for one in labels if one.split == split]
        lists = [one for one in found if one.split == split]
        shapes = sum(len(one.shapes) for one in mine)
        candidates = sum(len(one.choices) - 1 for one in lists)
        yield split, len({one.domain for one in mine}), len(mine), shapes, len(lists), candidates


def _sizes(found: Sequence[Listed]) -> Iterator[Row]:
    for split in SPLITS:
        lists = [one for one in found if one.split == split]
        paying = [one for one in lists if one.pays]
        long = [one for one in paying if len(one.choices) > LONG]
        sizes = sorted(len(one.choices) - 1 for one in lists)
        ends = [sizes[int(part * (len(sizes) - 1))] for part in (0.1, 0.5, 0.9)] if sizes else [0, 0, 0]
        yield split, _part(len(paying), len(lists)), len(long), *ends, sum(one.unmeasured for one in lists)


def _by(found: Iterable[Listed], key: Callable[[Choice], str]) -> Iterator[Row]:
    choices: defaultdict[str, list[Choice]] = defaultdict(list)
    for one in found:
        for choice in one.choices:
            if choice.candidate:
                choices[key(choice)].append(choice)
    for name, mine in sorted(choices.items(), key=lambda item: (-len(item[1]), item[0])):
        gains = [choice.saved_s for choice in mine if choice.saved_s > 0]
        lose = sum(choice.saved_s < 0 for choice in mine)
        refused = sum(bool(choice.refused) for choice in mine)
        yield (name, len(mine), _part(len(gains), len(mine)), _part(lose, len(mine)), _part(refused, len(mine)),
               f"{median(gains):,.1f}" if gains else "")  # fmt: skip


def _kinds(choice: Choice) -> str:
    """Rewrites as one, however many there are."""
    kinds = [action.kind for action in choice.candidate.actions] if choice.candidate else []
    return " and ".join(kind for kind, _ in groupby(kinds))


def _part(some: int, of: int) -> str:
    return f"{some / of:.0%}" if of else ""


def _range(values: Iterable[int]) -> str:
    found = Counter(values)
    return " to ".join(f"{one:,}" for one in sorted({min(found), max(found)})) if found else "0"


if __name__ == "__main__":
    typer.run(main)
