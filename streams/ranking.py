"""The model as the streams role has it: asked in which order candidates are tried, and the rules decide without it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import structlog

from inference.judgement.features import Features
from inference.judgement.judged import Judgement
from inference.worker.client import Worker
from inference.worker.life import Models
from schemas.errors import JudgementError
from streams.model_metrics import MODEL

WITHIN_S = 2.0
"""A list of a thousand candidates takes a twentieth of that, and a worker that was lost is back."""

logger = structlog.get_logger(__name__)


class RankingModel:
    """The worker is a child process of this one. `folder` is the model's."""

    def __init__(self, folder: Path) -> None:
        self._worker = Worker(Models(ranker=folder))

    async def start(self) -> None:
        """Raises ModelError, and WorkerLost where there is no process to be had."""
        await self._worker.start()
        MODEL.of = self._worker

    async def stop(self) -> None:
        MODEL.of = None
        await self._worker.close()

    async def rank(self, lists: Sequence[Features]) -> list[Judgement | None]:
        """All at once, so that they share a forward. None is for a list that the rules decide, which is logged."""
        return await asyncio.gather(*map(self._rank, lists))

    async def _rank(self, features: Features) -> Judgement | None:
        try:
            return await self._worker.rank(features, within_s=WITHIN_S)
        except JudgementError as error:
            logger.warning("candidates are not ranked by the model", reason=str(error))
            return None
