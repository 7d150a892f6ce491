"""Without any model: what a text says by the words that it shares with names, lists and ids (`words`)."""

import re
import unicodedata
from collections import Counter

from schemas.errors import JudgementError, TooLate

from ..worker.answered_by import AnsweredBy
from ..worker.waiting import Priority
from . import words
from .asks import Answer, Ask, OneOf, Operations, Reply, answer_of
from .letters import MOST_CHARACTERS
from .reading import Operation
from .tasks import CLASS, VERDICT

BY = AnsweredBy("rules", "words")
WORD = re.compile(r"[^\W_]+")


class Rules:
    async def say(self, ask: Ask, *, within_s: float, priority: Priority = Priority.AGENTS) -> Reply:  # noqa: ARG002
        """Raises JudgementError for a form and for prose."""
        if within_s <= 0:
            raise TooLate("its deadline was over when it was asked")
        return Reply(_read(ask, ask.text[:MOST_CHARACTERS]), BY)


def _read(ask: Ask, text: str) -> Answer:
    match ask.answer:
        case Operations(tables=tables):
            return answer_of(tuple(filter(Operation.is_whole, words.operations(text, tables))))
        case OneOf() if ask.answer == CLASS:
            return words.reason(text)
        case OneOf(otherwise=otherwise) if ask.answer == VERDICT:
            return otherwise  # a contract is not read by words, and who proposes chooses those of the purpose
        case OneOf() as one:
            return _nearest(text, one)
    raise JudgementError(f"{ask.task.name}: the rules read by words, and write nothing; a model is needed")


def _nearest(text: str, wanted: OneOf) -> str:
    """The id that shares the most words with the text, where one does so more than the others."""
    said = _words(text)
    shared = Counter({one: len(said & _words(one)) for one in wanted.ids if one != wanted.otherwise})
    (best, most), (_, second) = [*shared.most_common(2), ("", 0), ("", 0)][:2]
    return best if most > second else wanted.otherwise


def _words(text: str) -> set[str]:
    return set(WORD.findall(unicodedata.normalize("NFKC", text).casefold()))
