"""The models as the streams role has them: a worker or a server, and the rules where they cannot answer."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from inference.judgement.features import FEATURES
from inference.judgement.judged import Judgement
from inference.language.asks import Ask, Prose, Reply
from inference.language.model import Model
from inference.language.student import Student
from inference.language.tasks import operations_of, reason_ask, request_ask
from inference.shipped import LANGUAGE, RANKER
from inference.worker.answered_by import AnsweredBy
from inference.worker.client import Worker
from inference.worker.life import Models
from schemas.errors import ModelError, SettingsError
from streams.judges import Judges, models_of
from streams.metrics import REGISTRY
from streams.settings import Settings
from tests import ranking_models
from tests.asking import IDS, TABLES, ask
from tests.completions import Completions
from tests.language_models import model
from tests.worker_child import COMMAND, stub

Start = Callable[..., Awaitable[Judges]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def started(**settings: object) -> Judges:
            by_rules: dict[str, object] = {"ranker": "rules", "model": "rules"}
            judges = Judges(Settings(**by_rules | settings))  # type: ignore[arg-type]
            stack.push_async_callback(judges.stop)
            await judges.start()
            return judges

        yield started


def requests(kind: str, outcome: str) -> float:
    return REGISTRY.get_sample_value("sidecar_model_requests_total", {"kind": kind, "outcome": outcome}) or 0.0


async def test_lists_are_ranked_in_their_order_and_counted(start: Start, tmp_path: Path) -> None:
    judges = await start(ranker=ranking_models.student(tmp_path))
    lists = [np.full((count, len(FEATURES)), count, np.float32) for count in (2, 5)]
    found = [one for one in await judges.answer(lists) if isinstance(one, Judgement)]
    assert [(one.ranker, len(one.ranking.gain)) for one in found] == [("student", 2), ("student", 5)]
    assert requests("rank", "answered") == 2
    assert await judges.answer(lists[:1]) != [None]
    assert (requests("rank", "answered"), requests("rank", "cached")) == (2, 1)
    assert REGISTRY.get_sample_value("sidecar_model_seconds_count", {"kind": "rank"}) == 3


async def test_what_the_model_cannot_rank_is_left_to_the_rules_and_the_rest_goes_on(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.judges.RANK_WITHIN_S", 60.0)  # the next worker takes its time on a busy machine
    judges = await start(ranker=ranking_models.student(tmp_path))
    wrong, right = np.zeros((2, 3), np.float32), np.zeros((2, len(FEATURES)), np.float32)
    assert [one is None for one in await judges.answer([wrong, right])] == [True, False]
    os.kill(judges._worker.pid, signal.SIGKILL)
    assert [one is None for one in await judges.answer([right + 1])] == [False], "the next worker answers"
    assert REGISTRY.get_sample_value("sidecar_model_restarts_total", {"why": "ended"}) == 1


async def test_a_worker_that_gives_no_sign_for_as_long_as_is_set_is_replaced(start: Start, tmp_path: Path) -> None:
    judges = await start(ranker=ranking_models.student(tmp_path), model_silence_s=1.0)
    os.kill(judges._worker.pid, signal.SIGSTOP)
    while not judges._worker.figures.restarts:
        await asyncio.sleep(0.01)
    assert REGISTRY.get_sample_value("sidecar_model_restarts_total", {"why": "hung"}) == 1


async def test_one_worker_ranks_and_reads_both(start: Start, tmp_path: Path) -> None:
    for name in ("ranking", "language"):
        (tmp_path / name).mkdir()
    model(3).save(tmp_path / "language")
    judges = await start(ranker=ranking_models.student(tmp_path / "ranking"), model=tmp_path / "language")
    asked = request_ask("index on customer number", TABLES)
    read, ranked = await judges.answer([asked, np.zeros((2, len(FEATURES)), np.float32)])
    assert isinstance(read, Reply)
    assert isinstance(ranked, Judgement)
    here = Student(Model.load(tmp_path / "language")).read_request(asked.text, TABLES)
    assert operations_of(read.answer) == (here.value or ())
    assert read.probability == (None if here.value is None else pytest.approx(here.probability, rel=1e-3))
    assert read.by.backend.startswith("mlx-")
    assert (requests("say", "answered"), requests("rank", "answered")) == (1, 1)


async def test_a_request_of_somebody_who_waits_overtakes_reasons_that_nobody_waits_for(tmp_path: Path) -> None:
    folder = stub(tmp_path, takes_s=0.02)
    (folder / "says").write_text('"risk"')
    judges = Judges(Settings(model=folder))
    judges._worker = judges._reader = Worker(Models(model=folder), command=COMMAND)
    await judges.start()
    order: list[str] = []

    async def read(asked: Ask) -> None:
        await judges.answer([asked])
        order.append(asked.task.name)

    reasons = [read(reason_ask(f"not now {number}")) for number in range(40)]
    await asyncio.gather(*reasons, read(request_ask("orders are slow", TABLES)))
    await judges.stop()
    assert order.index("request") < 5
    assert len(order) == 41


def in_flight() -> float:
    return REGISTRY.get_sample_value("sidecar_model_in_flight_requests") or 0.0


async def test_what_a_worker_has_and_has_not_answered_is_counted(start: Start, tmp_path: Path) -> None:
    judges = await start(ranker=ranking_models.student(tmp_path))
    os.kill(judges._worker.pid, signal.SIGSTOP)
    asked = asyncio.create_task(judges.answer([np.full((2, len(FEATURES)), one, np.float32) for one in range(3)]))
    while not in_flight():
        await asyncio.sleep(0.01)
    assert in_flight() == 3
    os.kill(judges._worker.pid, signal.SIGCONT)
    await asked
    assert in_flight() == 0


async def test_a_text_is_read_by_the_server_that_is_set_and_by_the_rules_once_that_is_away(
    start: Start, tmp_path: Path
) -> None:
    (key := tmp_path / "key").write_text("k-1\n")
    key.chmod(0o600)
    completions = Completions()
    judges = await start(model_url=await completions.start(), model_name="some-model", model_key_file=key)
    (reply, _) = await judges.answer([ask("a total of the lines"), ask("another")])
    assert isinstance(reply, Reply)
    assert (reply.by, reply.answer) == (AnsweredBy("http", "some-model"), IDS[1])
    assert completions.keys == ["Bearer k-1"] * 2
    assert requests("say", "answered") == 2
    await completions.stop()
    (reply,) = await judges.answer([ask(IDS[2])])
    assert isinstance(reply, Reply)
    assert (reply.by, reply.answer) == (AnsweredBy("rules", "words"), IDS[2])
    assert requests("say", "JudgementError") == 1


async def test_without_a_model_the_rules_read_alone_and_nobody_tells_what_they_cannot(start: Start) -> None:
    judges = await start()
    read, unread, unranked = await judges.answer([ask(IDS[2]), ask(answer=Prose()), np.zeros((2, len(FEATURES)))])
    assert isinstance(read, Reply)
    assert (read.answer, unread, unranked) == (IDS[2], None, None)
    assert "sidecar_model_swaps_total" not in {one.name for one in REGISTRY.collect()}


async def test_what_the_student_leaves_to_words_is_read_by_them_and_nothing_is_wrong(
    start: Start, tmp_path: Path
) -> None:
    model(3).that_reads(["reason"]).save(tmp_path)
    judges = await start(model=tmp_path)
    with capture_logs() as logged:
        read, other = await judges.answer([request_ask("index on customer number", TABLES), reason_ask("not now")])
    assert isinstance(read, Reply)
    assert isinstance(other, Reply)
    assert (read.by, other.by.model) == (AnsweredBy("rules", "words"), "test")
    assert logged == []


def test_the_student_that_ships_reads_unless_another_or_a_server_or_the_rules_are_named(tmp_path: Path) -> None:
    assert models_of(Settings()) == Models(None, LANGUAGE)
    assert models_of(Settings(ranker="shipped", model="rules")) == Models(RANKER, None)
    assert models_of(Settings(ranker=tmp_path, model=tmp_path)) == Models(tmp_path, tmp_path)
    assert models_of(Settings(model_url="https://models.example/v1", model_name="m")) == Models(None, None)


async def test_a_folder_that_is_no_model_does_not_start(start: Start, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="missing is no model: "):
        await start(ranker=tmp_path / "missing")
    assert "sidecar_model_swaps_total" not in {one.name for one in REGISTRY.collect()}


async def test_a_key_that_is_not_there_or_that_others_can_read_is_named(start: Start, tmp_path: Path) -> None:
    server = {"model_url": "https://models.example/v1", "model_name": "m", "model_key_file": tmp_path / "key"}
    with pytest.raises(SettingsError, match="model_key_file: there is no file"):
        await start(**server)
    (tmp_path / "key").write_text("k-1")
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(SettingsError, match="others can read"):
        await start(**server)
