"""Who ranks best: `python -m inference.distill.evaluating`, by the figures of `inference.evaluation.ranking`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ..evaluation.ranking import FIGURES, LEAST, Judged, Mean, difference, figures, mean
from ..judgement import ranker
from ..judgement.judged import Ranking
from ..judgement.network import Config, Network
from ..judgement.ranker import Student, TreesAlone
from .domains import Split
from .examples import Example, Numbers, examples
from .labels import FOLDER
from .training import Plan, beginning

MODEL = Path(__file__).parents[1] / "models" / "ranker"
REPORT = "EVALUATION.md"
KNOW_NOTHING = ("chance", "rules", "first look")
"""Rankers whose scores do not say whether doing nothing is better."""
BINS = 10

ByDomain = Mapping[str, Mapping[str, Sequence[float]]]


@dataclass(frozen=True, slots=True)
class Contender:
    """Of each list the scores, and where it says them the probabilities of a gain."""

    name: str
    scores: list[Numbers]
    gains: list[Numbers] | None = None


def main(
    folder: Annotated[Path, typer.Option(help="Where the labels are.")] = FOLDER,
    model: Annotated[Path, typer.Option(help="The student's folder; the report goes there.")] = MODEL,
    split: Annotated[Split, typer.Option(help="Whose lists; the test is for the end alone.")] = "test",
) -> None:
    """Judges the rankers on lists of domains that training has not seen, and writes the report beside the model."""
    lists = [one for one in examples(folder) if one.split == split and len(one.features)]
    typer.echo(f"{len(lists):,} lists of {len({one.domain for one in lists})} domains")
    text = report(split, lists, contenders(lists, model))
    (model / REPORT).write_text(text)
    typer.echo(text)


def contenders(lists: Sequence[Example], model: Path) -> list[Contender]:
    """Raises ModelError."""
    student = ranker.load(model)
    if not isinstance(student, Student):
        raise typer.BadParameter(f"{model} is not a student: train one with python -m inference.distill.train")
    config = Config(name="untrained", version="0", width=student.network.config.width)
    inputs = [np.column_stack([one.features, np.zeros(len(one.features), np.float32)]) for one in lists]
    weights = beginning(Plan(width=config.width), np.concatenate(inputs))
    untrained = Student(Network(config, weights), student.trees, "0")
    random = np.random.default_rng(0)
    return [
        Contender("chance", [random.random(len(one.features)) for one in lists]),
        Contender("rules", [one.promised_s for one in lists]),
        Contender("first look", [one.glanced_s for one in lists]),
        *(
            _model(name, one.score([one.features for one in lists]))
            for name, one in (
                ("trees", TreesAlone(student.trees, "trees", "")),
                ("student", student),
                ("untrained student", untrained),
            )
        ),
    ]


def _model(name: str, found: Sequence[Ranking]) -> Contender:
    return Contender(name, [one.preference for one in found], [one.gain for one in found])


def report(split: Split, lists: Sequence[Example], found: Sequence[Contender]) -> str:
    """Markdown."""
    by_name = {one.name: figures(_judged(lists, one)) for one in found}
    long = [one for one in lists if len(one.features) >= LEAST]
    pays = sum(bool(one.saved_s.max() > 0) for one in long)
    parts = [
        "# Who ranks best",
        f"{len(long):,} lists of at least {LEAST} candidates, of {len({one.domain for one in long})} domains of the "
        f"split {split}; {pays:,} of them hold a candidate that pays. Means over domains, with the 95 % interval of a "
        "bootstrap by domain. Chance, the rules (what they promise) and a first look (what it would save, as often "
        "as it ran) do not say whether doing nothing is better.",
        _table(["ranker", *FIGURES], [[name, *_row(name, of)] for name, of in by_name.items()]),
        "## The student beside the others",
        "Differences on the same lists, paired by domain: below 0 the student is better, but for NDCG@3.",
        _table(
            ["beside", *FIGURES],
            [[name, *_beside(name, by_name["student"], of)] for name, of in by_name.items() if name != "student"],
        ),
        "## Calibration",
        "Brier score, and the mean distance between what is said and what is so over ten bins of what is said.",
        _table(
            ["ranker", "Brier score", "calibration error", "said on average", "gains"],
            [[one.name, *_calibration(lists, one.gains)] for one in found if one.gains],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _judged(lists: Sequence[Example], of: Contender) -> list[Judged]:
    return [Judged(one.domain, one.saved_s, scores) for one, scores in zip(lists, of.scores, strict=True)]


def _row(name: str, of: ByDomain) -> list[str]:
    return [_told(mean(of[figure])) if of[figure] and _means_something(name, figure) else "" for figure in FIGURES]


def _beside(name: str, student: ByDomain, other: ByDomain) -> list[str]:
    return [
        _told(difference(student[figure], other[figure])) if student[figure] and _means_something(name, figure) else ""
        for figure in FIGURES
    ]


def _means_something(name: str, figure: str) -> bool:
    return name not in KNOW_NOTHING or figure not in ("false gains", "harmful")


def _told(one: Mean) -> str:
    return f"{one.mean:.3f} ({one.low:.3f} to {one.high:.3f})"


def _calibration(lists: Sequence[Example], gains: Sequence[Numbers]) -> list[str]:
    said, true = np.concatenate(list(gains)), np.concatenate([one.gains for one in lists]).astype(float)
    places = np.minimum((said * BINS).astype(int), BINS - 1)
    error = sum(
        abs(said[there].mean() - true[there].mean()) * there.mean()
        for place in range(BINS)
        if (there := places == place).any()
    )
    return [f"{value:.3f}" for value in (((said - true) ** 2).mean(), error, said.mean(), true.mean())]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    typer.run(main)
