"""What a general model is tuned on: asks as the product makes them, each with the answer that is right.

The texts are those that the language student is taught on, the lists those of the labels; the test's of neither.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple

from schemas.errors import InvalidAnswer

from ..language.asks import Ask, answer_of, messages, read
from ..language.tasks import proposal_ask, reason_ask, request_ask
from . import requests, worded
from .dataset import lists
from .domains import Split
from .proposals import proposed
from .rejections import rejection
from .seeds import random_of

OF_A_CATALOG = 12


class Chat(NamedTuple):
    ask: Ask
    answer: str

    def messages(self) -> list[dict[str, str]]:
        return [*messages(self.ask), {"role": "assistant", "content": self.answer}]


def chats(split: Split, size: int, seed: int, labels: Path) -> Iterator[Chat]:
    """`size` of each task at the most: of ranking as many as the labels give."""
    for task in (_requests, _reasons, _proposals):
        yield from islice(filter(_is_read_so, task(split, f"{seed}:{split}")), size)
    yield from islice((Chat(worded.ask_of(one), worded.best(one)) for one in lists(labels) if one.split == split), size)


def _requests(split: Split, seed: str) -> Iterator[Chat]:
    for number in count():
        batch = requests.batch(split, f"{seed}:{number}", OF_A_CATALOG)
        for one in batch.requests:
            yield Chat(request_ask(one.text, batch.tables), json.dumps(answer_of(one.operations)))


def _reasons(split: Split, seed: str) -> Iterator[Chat]:
    random = random_of(seed)
    while True:
        one = rejection(split, random)
        yield Chat(reason_ask(one.text), one.reason)


def _proposals(split: Split, seed: str) -> Iterator[Chat]:
    random = random_of(seed)
    while True:
        one = proposed(split, random)
        answer, ground = one.verdict
        yield Chat(proposal_ask(one.proposal, one.contract), answer if ground == "none" else f"{answer}: {ground}")


def _is_read_so(one: Chat) -> bool:
    """Not where a large catalog was cut to what is nearest to the text, and the right table was not."""
    with suppress(InvalidAnswer):
        read(one.ask, one.answer)
        return True
    return False
