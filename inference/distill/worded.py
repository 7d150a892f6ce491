"""A list of candidates in words: which of them, by its letter, saves most, as it is asked of a general model."""

from string import ascii_uppercase

from schemas.records import AnalysisRequest, WorkloadShape

from ..judgement.features import DAY_S
from ..language.asks import Ask, OneOf, Task
from .dataset import Listed

NOTHING = "0"
MOST_SHAPES = 12
"""Are told, those that take most time."""
MOST_CHARACTERS = 300
"""Of a statement, and of a reason."""
RANKING = Task(
    name="ranking",
    instructions="""\
You look after a DuckDB database. The queries that take most of its time are given, and changes that rules propose for
it, each with a letter. You say which one saves most time if it alone is done, less what it costs those that write:
DuckDB scans columns in parallel and skips row groups by their least and largest values, so that an index helps only
where next to no row is found, and the order of the rows where a range of them is.""",
)


def ask_of(one: Listed) -> Ask:
    """The letters are in the order of the list's candidates, as in `letters`."""
    told = [choice.candidate for choice in one.choices if choice.candidate]
    lines = [
        f"{letter}: {it.title}. {it.reason}"[:MOST_CHARACTERS]
        for letter, it in zip(letters(len(told)), told, strict=True)
    ]
    return Ask(
        task=RANKING,
        context="\n".join(["The changes:", *lines, f"{NOTHING}: none of them saves anything"]),
        text="\n".join(_told(one.request, shape) for shape in one.request.workload[:MOST_SHAPES]),
        answer=answers(len(told)),
    )


def answers(candidates: int) -> OneOf:
    """NOTHING is the first."""
    return OneOf(ids=(NOTHING, *letters(candidates)), otherwise=NOTHING)


def best(one: Listed) -> str:
    """The right answer: the letter of what was measured to save most."""
    saved = [choice.saved_s for choice in one.choices if choice.candidate]
    most = max(saved, default=0.0)
    return letters(len(saved))[saved.index(most)] if most > 0 else NOTHING


def letters(count: int) -> list[str]:
    """A to Z, then AA, AB and so on."""
    size = len(ascii_uppercase)
    firsts = ["", *ascii_uppercase]
    return [firsts[place // size] + ascii_uppercase[place % size] for place in range(count)]


def _told(request: AnalysisRequest, shape: WorkloadShape) -> str:
    days = (request.window_end - request.window_start).total_seconds() / DAY_S
    return f"{shape.count / days:,.0f} times a day, {shape.p50_us / 1000:,.1f} ms: {shape.statement[:MOST_CHARACTERS]}"
