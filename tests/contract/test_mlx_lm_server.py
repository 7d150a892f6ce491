"""A real server that keeps to no schema: mlx-lm's, with a model of random weights, which says anything."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.language.asks import Ask, Prose
from inference.language.served import Served
from inference.language.tasks import reason_ask, request_ask
from inference.worker.answered_by import AnsweredBy
from schemas.errors import InvalidAnswer, JudgementError, TooLate
from streams.judges import Judges
from streams.settings import Settings
from tests import local_servers
from tests.asking import FORM, TABLES, TEXTS, ask, outside
from tests.local_servers import LocalServer
from tests.tiny_model import tiny_model

SOON_S = 60.0


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    started = local_servers.mlx_lm(model, tmp_path_factory.mktemp("server"))
    yield started
    started.stop()


async def test_what_it_says_is_one_of_what_was_enumerated_or_refused_by_name(server: LocalServer, model: Path) -> None:
    asked = [one for text in TEXTS[:4] for one in (reason_ask(text), request_ask(text, TABLES), ask(text, FORM))]
    async with Served(server.url, str(model)) as served:

        async def outcome(one: Ask) -> str:
            try:
                reply = await served.say(one, within_s=SOON_S)
            except InvalidAnswer:
                return "refused"
            return "wrong" if outside(one, reply.answer) else "answered"

        found = Counter(await asyncio.gather(*map(outcome, asked)))
        assert found["refused"] + found["answered"] == found.total() == len(asked)
        assert served.figures.refused == {("say", "InvalidAnswer"): found["refused"]}
        assert found["refused"] > 0, "it keeps to no schema: else another server has to stand for those"


async def test_its_words_are_an_explanation_and_its_tokens_are_counted(server: LocalServer, model: Path) -> None:
    async with Served(server.url, str(model)) as served:
        reply = await served.say(ask(answer=Prose(most_tokens=30)), within_s=SOON_S)
    assert isinstance(reply.answer, str)
    assert (reply.by, reply.tokens) == (AnsweredBy("http", str(model)), 30)


async def test_a_deadline_is_kept_while_it_is_busy_and_the_next_is_answered(server: LocalServer, model: Path) -> None:
    async with Served(server.url, str(model)) as served:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        with pytest.raises(TooLate, match="did not answer within 0.05 s"):
            await served.say(ask(answer=Prose(most_tokens=2_000)), within_s=0.05)
        assert loop.time() - begun < 1
        assert (await served.say(ask(answer=Prose(most_tokens=5)), within_s=SOON_S)).tokens == 5


async def test_a_model_that_it_does_not_have_is_refused_by_its_status(server: LocalServer) -> None:
    async with Served(server.url, "another") as served:
        with pytest.raises(JudgementError, match="the model's server answered with status 404"):
            await served.say(ask(), within_s=SOON_S)


async def test_once_it_is_killed_it_cannot_be_asked_and_the_rules_read(model: Path, tmp_path: Path) -> None:
    server = local_servers.mlx_lm(model, tmp_path)
    async with Served(server.url, str(model)) as served:
        waiting = asyncio.create_task(served.say(ask(answer=Prose(most_tokens=2_000)), within_s=SOON_S))
        await asyncio.sleep(0.1)
        server.stop()
        with pytest.raises(JudgementError, match="the model's server cannot be asked"):
            await waiting
        with pytest.raises(JudgementError, match="the model's server cannot be asked"):
            await served.say(ask(), within_s=SOON_S)
    judges = Judges(Settings(model_url=server.url, model_name=str(model)))
    await judges.start()
    reply = await judges.read(reason_ask("not now, we are in a freeze"))
    await judges.stop()
    assert reply
    assert reply.by == AnsweredBy("rules", "words")
