"""An explanation in free prose, by a general model: for people alone, and of the numbers that were measured alone."""

from schemas.errors import InvalidAnswer

from .asks import Answer, Ask, Prose, Task
from .numbers import foreign

EXPLAIN = Task(
    name="explain",
    instructions="""\
You explain a measured change of a database to the people who decide on it, in plain English, in one or two short
paragraphs: why it helps, what it brings, what may go wrong, and why not something else.
Say nothing that is not in the text. Copy every number from it in digits and with its unit, as it is written there:
round none, reckon none, and write no other number, neither in digits nor in words. No lists, no headings, no SQL.""",
)


def explanation_ask(title: str, facts: str) -> Ask:
    return Ask(task=EXPLAIN, text=f"{title}\n{facts}", answer=Prose())


def explanation_of(answer: Answer, ask: Ask) -> str:
    """Raises InvalidAnswer for a number that was not in what was to be explained."""
    if not isinstance(answer, str):
        raise InvalidAnswer("explain: the answer is no text")
    if found := foreign(answer, ask.text):
        raise InvalidAnswer(f"explain: the answer has numbers that were not measured: {', '.join(found[:5])}")
    return answer
