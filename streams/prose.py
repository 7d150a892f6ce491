"""A suggestion in a general model's own words, for who asks for them; its numbers alone are checked."""

from pathlib import Path

from inference.advisor import explain
from inference.language.prose import explanation_ask, explanation_of
from inference.language.served import Served
from inference.worker.answered_by import AnsweredBy
from inference.worker.client import Worker
from inference.worker.life import Limits, Models
from inference.worker.waiting import Priority
from schemas.errors import SettingsError
from schemas.records import Suggestion
from streams.judges import model_key
from streams.settings import Settings

WITHIN_S = 120.0
"""A general model on a processor writes some tokens a second."""


async def in_prose(suggestion: Suggestion, settings: Settings) -> tuple[str, AnsweredBy]:
    """Raises SettingsError where no model is set, JudgementError where it does not, cannot, or names other numbers."""
    ask = explanation_ask(suggestion.title, explain(suggestion).text())
    async with _model(settings) as model:
        reply = await model.say(ask, within_s=WITHIN_S, priority=Priority.PEOPLE)
    return explanation_of(reply.answer, ask), reply.by


def _model(settings: Settings) -> Served | Worker:
    if settings.model_url:
        return Served(settings.model_url, settings.model_name, model_key(settings))
    if isinstance(settings.model, Path):
        models = Models(model=settings.model, adapter=settings.model_adapter)
        return Worker(models, Limits(silence_s=settings.model_silence_s))
    raise SettingsError(
        "prose takes a general model: name the folder of one that mlx-lm reads by SIDECAR_MODEL, or a server's by "
        "SIDECAR_MODEL_URL and SIDECAR_MODEL_NAME"
    )
