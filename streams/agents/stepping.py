"""Records through a step, some at a time; what the step wants to have ranked is asked for all of them at once."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, TypeVar, cast

from inference.judgement.features import Features
from inference.judgement.judged import Judgement
from schemas.codec import Codec
from schemas.errors import BrokerError, RecordError
from streams.agents.letters import letter
from streams.agents.steps import LARGEST, Asking, Input, Outcome, Step

Rank = Callable[[Sequence[Features]], Sequence[Judgement | None]]
"""One answer for each list, None where nobody can rank it."""


class Asked(NamedTuple):
    """A step on its way, and what it wants to have ranked."""

    asking: Asking
    features: Features


T = TypeVar("T", Outcome, Outcome | Asked)


def outcomes(step: Step, records: Sequence[Input], codec: Codec, rank: Rank) -> list[Outcome]:
    """One for each record, in their order; a dead letter where the step fails. Raises BrokerError."""
    begun = [_guarded(step, record, codec, partial(begin, step, record)) for record in records]
    lists = [one.features for one in begun if isinstance(one, Asked)]
    judgements: Iterator[Judgement | None] = iter(rank(lists) if lists else ())
    return [
        _guarded(step, record, codec, partial(end, one, next(judgements))) if isinstance(one, Asked) else one
        for record, one in zip(records, begun, strict=True)
    ]


def outcome(step: Step, record: Input, judgement: Judgement | None = None) -> Outcome:
    """Of one record, whatever it wants to have ranked. Raises what the step raises."""
    begun = begin(step, record)
    return end(begun, judgement) if isinstance(begun, Asked) else begun


def begin(step: Step, record: Input) -> Outcome | Asked:
    taken = step(record)
    if isinstance(taken, Outcome):
        return taken
    try:
        return Asked(taken, next(taken))
    except StopIteration as last:
        return cast(Outcome, last.value)


def end(asked: Asked, judgement: Judgement | None) -> Outcome:
    try:
        asked.asking.send(judgement)
    except StopIteration as last:
        return cast(Outcome, last.value)
    raise RuntimeError("a step asks only once")


def refused(step: Step, record: Input, error: Exception, codec: Codec) -> Outcome:
    outputs = [letter(record, step.name, error, codec), *step.instead(record)]
    return Outcome(outputs, refused=f"{type(error).__name__}: {error}")


def _guarded(step: Step, record: Input, codec: Codec, take: Callable[[], T]) -> T | Outcome:
    try:
        taken = take()
        for output in taken.outputs if isinstance(taken, Outcome) else ():
            if not output.fits():
                raise RecordError(
                    f"what {step.name} makes of it takes {len(output.value)} bytes, "
                    f"{output.topic} holds records of {LARGEST[output.topic]}"
                )
    except BrokerError:
        raise  # not the record's fault: it is tried again
    except Exception as error:  # noqa: BLE001 - whatever a record does to a step, it becomes a letter
        return refused(step, record, error, codec)
    return taken
