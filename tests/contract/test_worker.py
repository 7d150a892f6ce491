"""The worker as a real process: asked, flooded, given other models."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from inference.judgement import ranker
from inference.judgement.features import FEATURES, Features
from inference.judgement.network import CONFIG, WEIGHTS
from inference.worker.blas import SLOW
from inference.worker.client import Worker
from inference.worker.life import Models
from inference.worker.waiting import Priority
from schemas.errors import JudgementError, ModelError, TooLate
from tests import ranking_models
from tests.worker_asking import SOON_S, is_there, one, outcome, preferred
from tests.worker_child import stub

Begin = Callable[..., Awaitable[Worker]]


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ranking_models.student(tmp_path_factory.mktemp("student"))


def features(rows: int, seed: int) -> Features:
    return np.random.default_rng(seed).normal(size=(rows, len(FEATURES))).astype(np.float32)


async def test_the_shipped_kind_of_model_ranks_there_as_here(student: Path) -> None:
    lists = [features(24, 4), features(3, 5), features(0, 6)]
    here = ranker.load(student).score(lists)
    async with Worker(Models(ranker=student)) as worker:
        there = await asyncio.gather(*(worker.rank(one, within_s=SOON_S) for one in lists))
        assert [(one.ranker, one.version) for one in there] == [("student", ranker.load(student).version)] * 3
        for mine, theirs in zip(here, there, strict=True):
            np.testing.assert_allclose(theirs.ranking.preference, mine.preference, rtol=1e-3, atol=1e-4)
            np.testing.assert_allclose(theirs.ranking.gain, mine.gain, rtol=1e-3, atol=1e-4)
        pid = worker.pid
    assert not is_there(pid)


def broken(model: Path, how: str) -> str:
    """What is said of it."""
    if how == "no file":
        (model / WEIGHTS).unlink()
        return f"{model} is no whole model: No such file or directory: {model / WEIGHTS}"
    config = json.loads((model / CONFIG).read_text())
    if how == "features":
        (model / CONFIG).write_text(json.dumps(config | {"features_version": 99}))
        return "ranks by version 99 of the features"
    if how == "hash":
        (model / CONFIG).write_text(json.dumps(config | {"weights": "0" * 64}))
        return "is not the file that config.json names"
    (model / CONFIG).write_text(json.dumps(config | {"slope": float("nan")}))
    return "answers with what is no number"


@pytest.mark.parametrize("how", ["no file", "features", "hash", "NaN"])
async def test_a_model_that_is_not_sound_is_refused_and_the_old_one_goes_on(
    student: Path, tmp_path: Path, how: str
) -> None:
    model = tmp_path / "model"
    subprocess.run(["cp", "-r", student, model], check=True)
    said = broken(model, how)
    async with Worker(Models(ranker=student)) as worker:
        pid = worker.pid
        with pytest.raises(ModelError) as refused:
            await worker.swap(Models(ranker=model))
        assert said in str(refused.value)
        assert (await worker.rank(features(3, 1), within_s=SOON_S)).version == ranker.load(student).version
        assert (worker.pid, worker.figures.swaps) == (pid, 0)


async def test_a_worker_whose_models_do_not_load_does_not_start(begin: Begin, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="it is unfit"):
        await begin(stub(tmp_path, unfit=1))
    with pytest.raises(ModelError, match="answers with what is no number, or no probability; use another"):
        await begin(stub(tmp_path, nan=1))
    with pytest.raises(ModelError, match="does not answer for each of 3 candidates"):
        await begin(stub(tmp_path, short=1))


async def test_a_thousand_at_once_are_all_answered_or_refused_by_name(begin: Begin, tmp_path: Path) -> None:
    worker = await begin(stub(tmp_path, takes_s=0.01), waiting=700)
    found = Counter(await asyncio.gather(*(outcome(worker, value) for value in range(1_000))))
    assert found == {"answered": 764, "Overloaded": 236}, "700 wait and 64 are with the worker"
    figures = worker.figures
    assert figures.answered["rank"] == 764
    assert figures.refused == {("rank", "Overloaded"): 236}
    assert figures.batch["rank"].quantile(0.5) > 16, "they are computed together"
    assert (figures.waiting, figures.in_flight) == (0, 0)


async def test_who_is_past_the_deadline_is_told_and_the_others_are_answered(begin: Begin, tmp_path: Path) -> None:
    worker = await begin(stub(tmp_path, takes_s=0.2))
    told = [outcome(worker, value, within_s=0.3 if value % 2 else SOON_S) for value in range(300)]
    found = await asyncio.gather(*told)
    assert found[::2] == ["answered"] * 150
    assert "TooLate" in found[1::2]
    assert set(found[1::2]) <= {"answered", "TooLate"}
    assert (worker.figures.waiting, worker.figures.in_flight) == (0, 0)


async def test_a_deadline_that_is_over_is_refused_at_once(begin: Begin, tmp_path: Path) -> None:
    worker = await begin(stub(tmp_path))
    with pytest.raises(TooLate, match="was over when it was asked"):
        await preferred(worker, 1, within_s=0)
    assert not worker.figures.answered


async def test_the_urgent_overtake_those_that_wait(begin: Begin, tmp_path: Path) -> None:
    worker = await begin(stub(tmp_path, takes_s=0.05))
    order: list[str] = []

    async def ask(name: str, value: int, priority: Priority) -> None:
        await worker.rank(one(value), within_s=SOON_S, priority=priority)
        order.append(name)

    low = [ask("low", value, Priority.BACKGROUND) for value in range(300)]
    high = [ask("high", value, Priority.PEOPLE) for value in range(300, 310)]
    await asyncio.gather(*low, *high)
    assert order.index("high") <= 128
    assert "low" in order[order.index("high") :][11:]


async def test_what_nobody_waits_for_any_more_is_not_computed(begin: Begin, tmp_path: Path) -> None:
    worker = await begin(stub(tmp_path, takes_s=0.3, dies_at=13))
    first = asyncio.create_task(preferred(worker, 1))
    await asyncio.sleep(0.1)
    given_up = [asyncio.create_task(preferred(worker, 13)) for _ in range(100)]
    await asyncio.sleep(0.05)
    for task in given_up:
        task.cancel()
    assert await first == 1
    assert await preferred(worker, 2) == 2
    assert not worker.figures.restarts


async def test_the_same_again_comes_from_the_cache_until_another_model_is_there(begin: Begin, tmp_path: Path) -> None:
    worker = await begin(stub(tmp_path / "1"))
    pid = worker.pid
    assert [await preferred(worker, 5) for _ in range(3)] == [5, 5, 5]
    assert (worker.figures.answered["rank"], worker.figures.cached["rank"]) == (1, 2)
    await worker.swap(Models(ranker=stub(tmp_path / "2", version="2")))
    assert (await worker.rank(one(5), within_s=SOON_S)).version == "2"
    assert (worker.figures.answered["rank"], worker.figures.cached["rank"]) == (2, 2)
    assert 0 < worker.figures.cache_bytes < 4_000
    while is_there(pid):
        await asyncio.sleep(0.01)


async def test_a_swap_under_load_loses_nothing(begin: Begin, tmp_path: Path) -> None:
    worker = await begin(stub(tmp_path / "1", takes_s=0.01))
    pid = worker.pid
    versions: list[str] = []

    async def ask(start: int) -> None:
        value = start
        while versions.count("2") < 20:
            judgement = await worker.rank(one(value), within_s=SOON_S)
            assert judgement.ranking.preference[0] == value
            versions.append(judgement.version)
            value += 100

    asked = [asyncio.create_task(ask(start)) for start in range(100)]
    await asyncio.sleep(0.1)
    await worker.swap(Models(ranker=stub(tmp_path / "2", version="2")))
    await asyncio.gather(*asked)
    assert versions[0] == "1"
    assert not worker.figures.refused
    assert not worker.figures.restarts
    assert worker.figures.swaps == 1
    while is_there(pid):
        await asyncio.sleep(0.01)


async def test_a_swap_goes_through_where_the_old_worker_ends_meanwhile(begin: Begin, tmp_path: Path) -> None:
    worker = await begin(stub(tmp_path / "1"))
    swap = asyncio.create_task(worker.swap(Models(ranker=stub(tmp_path / "2", version="2"))))
    await asyncio.sleep(0.05)
    os.kill(worker.pid, signal.SIGKILL)
    await swap
    assert (await worker.rank(one(1), within_s=SOON_S)).version == "2"
    assert (worker.figures.swaps, worker.figures.restarts) == (1, {"ended": 1})


async def test_ten_megabytes_are_refused_and_never_sent(begin: Begin, tmp_path: Path) -> None:
    worker = await begin(stub(tmp_path))
    with pytest.raises(JudgementError, match="is larger than a model is asked"):
        await worker.rank(np.zeros((10 * 2**20 // (4 * len(FEATURES)), len(FEATURES)), np.float32), within_s=SOON_S)
    assert worker.figures.refused == {("rank", "JudgementError"): 1}
    assert await preferred(worker, 1) == 1


async def test_where_products_of_matrices_are_slow_it_is_said_with_what_to_install(
    begin: Begin, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code = "import sys; from tests.worker_child import Stub, main; sys.exit(main(sys.argv[1:], None, Stub))"
    async with Worker(Models(ranker=stub(tmp_path)), command=(sys.executable, "-P", "-c", code)) as worker:
        assert worker.blas is None
    assert caplog.messages == [SLOW]
    caplog.clear()
    assert (await begin(stub(tmp_path))).blas == "none is needed"
    assert caplog.messages == []


def test_who_asks_the_worker_has_no_mlx_in_its_own_process() -> None:
    code = "import sys, inference.worker.client; sys.exit('mlx' in sys.modules or 'mlx_lm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
