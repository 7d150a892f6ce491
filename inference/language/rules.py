"""Without any model: the id that shares the most words with the text, where one does so more than the others."""

import re
import unicodedata
from collections import Counter

from schemas.errors import JudgementError, TooLate

from ..worker.answered_by import AnsweredBy
from ..worker.waiting import Priority
from .asks import Ask, OneOf, Reply

BY = AnsweredBy("rules", "words")
WORD = re.compile(r"[^\W_]+")


class Rules:
    async def say(self, ask: Ask, *, within_s: float, priority: Priority = Priority.AGENTS) -> Reply:  # noqa: ARG002
        """Raises JudgementError for what is not one of some ids."""
        if within_s <= 0:
            raise TooLate("its deadline was over when it was asked")
        if not isinstance(ask.answer, OneOf):
            raise JudgementError(f"{ask.task.name}: the rules choose among ids and no more; a model is needed")
        text = _words(ask.text)
        shared = Counter({one: len(text & _words(one)) for one in ask.answer.ids if one != ask.answer.otherwise})
        (best, most), (_, second) = [*shared.most_common(2), ("", 0), ("", 0)][:2]
        return Reply(best if most > second else ask.answer.otherwise, BY)


def _words(text: str) -> set[str]:
    return set(WORD.findall(unicodedata.normalize("NFKC", text).casefold()))
