"""Records through a step, some at a time; what the step wants to be told is asked for all of them at once."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, cast

from inference.language.asks import Ask
from schemas.codec import Codec
from schemas.errors import BrokerError, RecordError
from streams.agents.letters import letter
from streams.agents.steps import BY_NAME, Asking, Input, Outcome, Question, Step, Told

Answer = Callable[[Sequence[Question]], Sequence[Told]]
"""One answer for each question."""


class Asked(NamedTuple):
    """A step on its way, and what it asks."""

    asking: Asking
    question: Question


def nobody(questions: Sequence[Question]) -> list[Told]:
    return [None for _ in questions]


def outcomes(step: Step, records: Sequence[Input], codec: Codec, answer: Answer) -> list[Outcome]:
    """One for each record, in their order; a dead letter where the step fails. Raises BrokerError.

    While any step has a text to be read, the others wait: so all lists of candidates are ranked together.
    """
    taken = [_guarded(step, record, codec, partial(begin, step, record)) for record in records]
    while waiting := {place: one for place, one in enumerate(taken) if isinstance(one, Asked)}:
        texts = {place: one for place, one in waiting.items() if isinstance(one.question, Ask)}
        together = texts or waiting
        told = answer([one.question for one in together.values()])
        for (place, one), said in zip(together.items(), told, strict=True):
            taken[place] = _guarded(step, records[place], codec, partial(go_on, one.asking, said))
    return [one for one in taken if isinstance(one, Outcome)]


def outcome(step: Step, record: Input, answer: Answer = nobody) -> Outcome:
    """Of one record. Raises what the step raises."""
    taken = begin(step, record)
    while isinstance(taken, Asked):
        (told,) = answer([taken.question])
        taken = go_on(taken.asking, told)
    return taken


def begin(step: Step, record: Input) -> Outcome | Asked:
    taken = step(record)
    return taken if isinstance(taken, Outcome) else go_on(taken, None)


def go_on(asking: Asking, told: Told) -> Outcome | Asked:
    """A step that has asked nothing yet is told None."""
    try:
        return Asked(asking, asking.send(told))
    except StopIteration as last:
        return cast(Outcome, last.value)


def refused(step: Step, record: Input, error: Exception, codec: Codec) -> Outcome:
    outputs = [letter(record, step.name, error, codec), *step.instead(record)]
    return Outcome(outputs, refused=f"{type(error).__name__}: {error}")


def _guarded(step: Step, record: Input, codec: Codec, take: Callable[[], Outcome | Asked]) -> Outcome | Asked:
    try:
        taken = take()
        for output in taken.outputs if isinstance(taken, Outcome) else ():
            if not output.fits():
                raise RecordError(
                    f"what {step.name} makes of it takes {len(output.value)} bytes, "
                    f"{output.topic} holds records of {BY_NAME[output.topic].largest_record}"
                )
    except BrokerError:
        raise  # not the record's fault: it is tried again
    except Exception as error:  # noqa: BLE001 - whatever a record does to a step, it becomes a letter
        return refused(step, record, error, codec)
    return taken
