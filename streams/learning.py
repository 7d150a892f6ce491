"""The ranking model learns from what came of the team's own analyses: `sidecar learn`.

What was asked stands in the journal for ever, with the decision to ask; what came of it in the knowledge file.
"""

import json
import shutil
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from inference.distill.dataset import Listed, apart
from inference.distill.distillation import TRAINED, plan_of
from inference.distill.feedback import Told, listed
from inference.distill.refining import Compared, compared, gently, is_better, parts, refined, rehearsed
from inference.judgement import ranker
from inference.judgement.ranker import TREES, Student
from inference.priors import BESIDE_THE_RULE
from schemas.codec import Codec
from schemas.errors import InputError, ModelError
from schemas.records import AnalysisRequest, JournalEntry
from schemas.topics import ANALYSIS_REQUESTS
from store.analysed import Answered
from streams.seen import Progress

SEED = 0
"""The same each time: an analysis that is held back once was not learned from by the model that goes on."""
MOST = 200
"""Analyses of a database: what is older is about a workload of the past."""
LEARNED = ".learned"


@dataclass(frozen=True, slots=True)
class Learned:
    """`lists` were learned from, `rehearsed` are among those that the model was made from."""

    lists: int
    rehearsed: int
    held_back: int
    figures: Mapping[str, Compared]
    is_better: bool


def requests(entries: Iterable[JournalEntry], codec: Codec, wanted: Collection[str]) -> Iterator[AnalysisRequest]:
    """Those of these analyses, as they were sent."""
    for message in (one for entry in entries for decision in entry.decisions for one in decision.messages):
        if message.topic == ANALYSIS_REQUESTS.name:
            request = codec.decode_as(AnalysisRequest, message.value)
            if request.analysis_id in wanted:
                yield request


def lists(asked: Iterable[AnalysisRequest], answered: Mapping[str, list[Answered]]) -> Iterator[Listed]:
    """Without near duplicates: of those the newest is there."""
    found: dict[str, list[Listed]] = defaultdict(list)
    for request in asked:
        one = listed(request, map(told, answered[request.analysis_id]))
        found[one.domain].append(one)
    for of_one in found.values():
        yield from apart(reversed(of_one))


def learn(base: Path, found: Iterable[Listed], labels: Path, folder: Path, progress: Progress) -> Learned:
    """Makes the folder of a new model, where that judges better than the one in `base`.

    Raises ModelError, LearningError, InputError.
    """
    old = ranker.load(base)
    if not isinstance(old, Student):
        raise ModelError(f"the model in {base} is made of trees alone, which are not trained further: name a student")
    if folder.exists():
        raise InputError(f"{folder} is there already: name a folder to be made")
    training, held_back = parts(found, SEED)
    again = list(rehearsed(labels, len(training), SEED))
    progress(f"{len(training)} lists are learned from beside {len(again)} that the model knows")
    plan = gently(plan_of(base))
    version = old.network.config.version.removesuffix(LEARNED) + LEARNED
    made = folder.with_name(f".{folder.name}.new")
    try:
        _save(refined(old, [*training, *again], version, plan), made)
        figures = compared(old, ranker.load(made), held_back)  # what is judged is what would be used
        learned = Learned(len(training), len(again), len(held_back), figures, is_better(figures))
        if learned.is_better:
            about = {
                "base": old.version,
                "plan": asdict(plan),
                "lists": {"learned": learned.lists, "rehearsed": learned.rehearsed, "held back": learned.held_back},
                "figures": {name: {"old": one.old.mean, "new": one.new.mean} for name, one in figures.items()},
                "versions": {name: metadata.version(name) for name in ("duckdb-sidecar", "mlx", "numpy")},
            }
            (made / TRAINED).write_text(json.dumps(about, indent=2) + "\n")
            made.rename(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return learned


def _save(student: Student, folder: Path) -> None:
    try:
        student.network.save(folder)
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror}): name another folder") from error
    student.trees.save(folder / TREES)


def told(one: Answered) -> Told:
    came, judged = None, one.judged
    if judged and judged.compared and judged.verdict != "inconclusive":
        came = judged.time_ratio or judged.speedup
    is_rejected = one.is_rejected and one.reason not in BESIDE_THE_RULE
    return Told(one.suggestion, came, is_rejected or one.is_taken_back, one.score)
