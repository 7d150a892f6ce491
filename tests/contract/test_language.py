"""What every backend of language keeps: an answer is one of those that were enumerated, or there is none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from inference.language import forms
from inference.language.asks import Backend, OneOf, Prose
from inference.language.rules import Rules
from inference.language.served import Served
from inference.worker.client import Worker
from inference.worker.life import Models
from schemas.errors import JudgementError, TooLate
from tests.asking import FORM, IDS, TEXTS, ask
from tests.completions import Completions
from tests.tiny_model import tiny_model

SOON_S = 60.0
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("tiny") / "llama")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def backends(model: Path) -> AsyncIterator[dict[str, Backend]]:
    """Started once: a worker takes seconds to import mlx-lm."""
    async with AsyncExitStack() as stack:
        worker = await stack.enter_async_context(Worker(Models(model=model)))
        completions = Completions()
        url = await completions.start()
        stack.push_async_callback(completions.stop)
        served = await stack.enter_async_context(Served(url, "some-model"))
        yield {"mlx": worker, "http": served, "rules": Rules()}


@pytest.fixture(params=["mlx", "http", "rules"])
def backend(request: pytest.FixtureRequest, backends: dict[str, Backend]) -> Backend:
    return backends[request.param]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
async def test_whatever_the_text_says_the_answer_is_one_of_the_ids(backend: Backend, text: str) -> None:
    reply = await backend.say(ask(text), within_s=SOON_S)
    assert reply.answer in IDS
    assert reply.by.backend in ("mlx-cpu", "mlx-metal", "mlx-cuda", "http", "rules")


async def test_a_form_is_filled_or_refused(backend: Backend) -> None:
    if isinstance(backend, Rules):
        with pytest.raises(JudgementError, match="a model is needed"):
            await backend.say(ask(answer=FORM), within_s=SOON_S)
        return
    reply = await backend.say(ask(answer=FORM), within_s=SOON_S)
    assert isinstance(reply.answer, dict)
    assert forms.matches(FORM.form, reply.answer)


async def test_an_explanation_is_text_or_refused(backend: Backend) -> None:
    try:
        reply = await backend.say(ask(answer=Prose(most_tokens=30)), within_s=SOON_S)
    except JudgementError:
        return  # of random weights it may be nothing but spaces
    assert isinstance(reply.answer, str)
    assert 0 < len(reply.answer) <= 4_000


async def test_a_deadline_that_is_over_is_refused(backend: Backend) -> None:
    with pytest.raises(TooLate):
        await backend.say(ask("something new"), within_s=0)


async def test_a_text_of_ten_megabytes_is_refused(backend: Backend) -> None:
    if isinstance(backend, Rules):
        return  # they read it: it goes nowhere
    with pytest.raises(JudgementError, match="is larger than a model is asked"):
        await backend.say(ask("slow " * (2 << 20)), within_s=SOON_S)
    assert (await backend.say(ask(), within_s=SOON_S)).answer in IDS


async def test_many_at_once_are_each_answered(backend: Backend) -> None:
    asked = [
        ask(f"shipments of day {day} are late", OneOf(ids=(f"day {day}", "no"), otherwise="no")) for day in range(40)
    ]
    replies = await asyncio.gather(*(backend.say(one, within_s=SOON_S) for one in asked))
    for day, reply in enumerate(replies):
        assert reply.answer in (f"day {day}", "no")
