"""Who answers what the agents' steps ask: a model that ranks candidates, one that reads text, the rules without them.

Both models are in one worker, a child process of this one; a server may have the one that reads instead.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Literal

import structlog

from inference.judgement.features import Features
from inference.judgement.judged import Judgement
from inference.language.asks import Ask, Backend, Reply
from inference.language.rules import Rules
from inference.language.served import Served
from inference.language.tasks import REASON, REQUEST
from inference.shipped import LANGUAGE, RANKER
from inference.worker.client import Worker
from inference.worker.life import Limits, Models
from inference.worker.waiting import Priority
from schemas.errors import InputError, JudgementError, NotItsTask, SettingsError
from streams.access import secret_files
from streams.agents.stepping import Answer
from streams.agents.steps import Question, Told
from streams.model_metrics import MODEL
from streams.settings import Settings
from streams.swapping import Wanted

RANK_WITHIN_S = 2.0
"""A list of a thousand candidates takes a twentieth of that, and a worker that was lost is back."""
READ_WITHIN_S = 20.0
"""A general model takes seconds for a text on a processor."""
URGENCY = {REQUEST.name: Priority.PEOPLE, REASON.name: Priority.BACKGROUND}
"""Of texts by their task: who asks for an analysis in words waits for it, who gave a reason does not."""

logger = structlog.get_logger(__name__)


class Judges:
    def __init__(self, settings: Settings) -> None:
        """Opens nothing. Raises SettingsError."""
        self._models = models_of(settings)
        self._worker = Worker(self._models, Limits(silence_s=settings.model_silence_s))
        self._served = None
        if settings.model_url:
            key = model_key(settings)
            self._served = Served(settings.model_url, settings.model_name, key, self._worker.figures)
        self._reader: Backend | None = self._served or (self._worker if self._models.model else None)
        self._rules = Rules()
        self._running = AsyncExitStack()
        self._changing = asyncio.Lock()

    async def start(self) -> None:
        """Raises ModelError, and WorkerLost where there is no process to be had."""
        self._running.push_async_callback(self._worker.close)
        if self._models.arguments():
            await self._worker.start()
        if self._served:
            await self._running.enter_async_context(self._served)
        if self._models.arguments() or self._served:
            MODEL.of = self._worker

    async def swap(self, wanted: Wanted) -> None:
        """Raises SidecarError where one does not load, or a server reads; the old ones go on."""
        if (wanted.model or wanted.adapter) and self._served:
            raise InputError("a server reads text here (SIDECAR_MODEL_URL), and is not swapped for a folder")
        async with self._changing:
            models = self._models.instead(wanted.ranker, wanted.model, wanted.adapter)
            await self._worker.swap(models)
            self._models, MODEL.of = models, self._worker
            self._reader = self._served or (self._worker if models.model else None)

    async def stop(self) -> None:
        MODEL.of = None
        await self._running.aclose()

    async def answer(self, questions: Sequence[Question]) -> list[Told]:
        """All at once, so that they share a forward. None is for what the rules decide without being asked."""
        return await asyncio.gather(*map(self._answer, questions))

    async def _answer(self, question: Question) -> Told:
        return await (self.read(question) if isinstance(question, Ask) else self._rank(question))

    async def _rank(self, features: Features) -> Judgement | None:
        if not self._models.ranker:
            return None
        try:
            return await self._worker.rank(features, within_s=RANK_WITHIN_S, priority=Priority.AGENTS)
        except JudgementError as error:
            logger.warning("candidates are not ranked by the model", reason=str(error))
            return None

    async def read(self, ask: Ask) -> Reply | None:
        """By words where no model reads it; the reply says by whom."""
        priority = URGENCY.get(ask.task.name, Priority.AGENTS)
        for reader in filter(None, (self._reader, self._rules)):
            try:
                return await reader.say(ask, within_s=READ_WITHIN_S, priority=priority)
            except NotItsTask:
                continue
            except JudgementError as error:
                by = "the rules" if reader is self._rules else "the model"
                logger.warning(f"a text is not read by {by}", task=ask.task.name, reason=str(error))
        return None


def models_of(settings: Settings) -> Models:
    """Beside a server no other reads."""
    model = None if settings.model_url else _folder(settings.model, LANGUAGE)
    return Models(_folder(settings.ranker, RANKER), model, settings.model_adapter)


def _folder(named: Path | Literal["rules", "shipped"], shipped: Path) -> Path | None:
    return named if isinstance(named, Path) else shipped if named == "shipped" else None


@contextmanager
def answering(settings: Settings) -> Iterator[Answer]:
    """By models that are started for it, for a command. Raises SidecarError where they do not start."""
    judges = Judges(settings)
    with asyncio.Runner() as runner:
        try:
            runner.run(judges.start())
            yield lambda questions: runner.run(judges.answer(questions))
        finally:
            runner.run(judges.stop())


def model_key(settings: Settings) -> str:
    """Raises SettingsError."""
    if (file := settings.model_key_file) is None:
        return ""
    try:
        return secret_files.read(file).strip()
    except FileNotFoundError as error:
        raise SettingsError(f"model_key_file: there is no file {file}") from error
