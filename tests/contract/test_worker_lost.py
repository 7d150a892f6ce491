"""The worker as a real process that ends, hangs, grows or is stopped: who asked it is answered, or told."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from inference.worker.client import Worker
from inference.worker.life import Limits, Models
from schemas.errors import JudgementError, WorkerLost
from tests.worker_asking import SOON_S, is_there, one, outcome, preferred
from tests.worker_child import COMMAND, stub

Begin = Callable[..., Awaitable[Worker]]


async def test_a_command_that_is_no_worker_is_told_with_its_last_words(tmp_path: Path) -> None:
    worker = Worker(Models(), command=(sys.executable, "-c", "raise SystemExit('no memory for this')"))
    with pytest.raises(WorkerLost, match="the worker did not start: no memory for this"):
        await worker.start()


async def test_a_worker_that_was_killed_is_started_again_and_who_was_with_it_is_answered(
    begin: Begin, tmp_path: Path
) -> None:
    worker = await begin(stub(tmp_path, takes_s=0.1))
    pid = worker.pid
    asked = [asyncio.create_task(outcome(worker, value)) for value in range(100)]
    await asyncio.sleep(0.15)
    os.kill(pid, signal.SIGKILL)
    assert Counter(await asyncio.gather(*asked)) == {"answered": 100}
    assert worker.pid not in (0, pid)
    assert worker.figures.restarts == {"ended": 1}


async def test_a_request_that_kills_two_workers_is_refused_and_the_next_one_lives(begin: Begin, tmp_path: Path) -> None:
    worker = await begin(stub(tmp_path, dies_at=13))
    with pytest.raises(WorkerLost, match=r"lost with it \(it was ended by signal 6\): the rules decide"):
        await preferred(worker, 13)
    assert await preferred(worker, 1) == 1
    assert worker.figures.restarts == {"ended": 2}


async def test_while_there_is_no_worker_a_short_deadline_is_told_at_once_and_a_long_one_waits(
    begin: Begin, tmp_path: Path
) -> None:
    worker = await begin(stub(tmp_path))
    os.kill(worker.pid, signal.SIGKILL)
    while worker.pid:
        await asyncio.sleep(0.005)
    waits = asyncio.create_task(preferred(worker, 2))
    with pytest.raises(WorkerLost, match=r"\(it was ended by signal 9\): the rules decide"):
        await preferred(worker, 1, within_s=0.01)
    assert await waits == 2


async def test_a_worker_that_hangs_is_found_and_replaced(begin: Begin, tmp_path: Path) -> None:
    worker = await begin(stub(tmp_path), silence_s=1.0)
    pid = worker.pid
    os.kill(pid, signal.SIGSTOP)
    assert await preferred(worker, 1) == 1
    assert worker.figures.restarts == {"hung": 1}
    assert not is_there(pid)


async def test_a_loop_that_stands_still_takes_no_worker_for_hung(begin: Begin, tmp_path: Path) -> None:
    worker = await begin(stub(tmp_path), silence_s=1.0)
    pid = worker.pid
    await asyncio.to_thread(lambda: None)
    subprocess.run([sys.executable, "-c", "import time; time.sleep(2)"], check=True)  # blocks this loop
    await asyncio.sleep(1.5)  # and one that gives signs is not hung either
    assert (worker.pid, worker.figures.restarts) == (pid, {})


async def test_a_worker_that_grows_is_replaced(begin: Begin, tmp_path: Path) -> None:
    worker = await begin(stub(tmp_path, grows_at=13), growth_bytes=100 << 20)
    await asyncio.sleep(0.6)  # it has said how large it is
    pid = worker.pid
    assert await preferred(worker, 13) == 13
    while not worker.figures.restarts:
        await asyncio.sleep(0.01)
    assert await preferred(worker, 1) == 1
    assert worker.figures.restarts == {"grew": 1}
    assert not is_there(pid)


async def test_what_a_model_says_that_it_will_take_is_not_held_against_it(tmp_path: Path) -> None:
    folder = stub(tmp_path, grows_at=13, expects_bytes=200 << 20)
    models, limits = Models(ranker=folder, model=folder), Limits(growth_bytes=100 << 20)
    async with Worker(models, limits, COMMAND) as worker:
        assert await preferred(worker, 13) == 13
        await asyncio.sleep(0.6)  # it has said how large it is
        assert not worker.figures.restarts
        await worker.rank(np.vstack([one(13), one(13)]), within_s=SOON_S)
        while not worker.figures.restarts:
            await asyncio.sleep(0.01)
        assert worker.figures.restarts == {"grew": 1}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and elsewhere the limit is not kept")
async def test_a_request_that_takes_more_memory_than_there_is_is_refused_and_the_next_one_answered(
    begin: Begin, tmp_path: Path
) -> None:
    worker = await begin(stub(tmp_path, grows_at=13, room_bytes=100 << 20))
    pid = worker.pid
    with pytest.raises(JudgementError, match=r"the model that ranks failed: MemoryError\(\)"):
        await preferred(worker, 13)
    assert await preferred(worker, 1) == 1
    assert (worker.pid, worker.figures.restarts) == (pid, {})


async def test_what_is_asked_of_a_worker_that_is_stopped_is_refused(tmp_path: Path) -> None:
    worker = Worker(Models(ranker=stub(tmp_path, takes_s=0.3)), command=COMMAND)
    await worker.start()
    asked = [asyncio.create_task(outcome(worker, value)) for value in range(100)]
    await asyncio.sleep(0.05)
    await worker.close()
    assert set(await asyncio.gather(*asked)) == {"WorkerLost"}
    assert await outcome(worker, 1) == "WorkerLost"


async def test_one_that_is_just_being_started_again_is_stopped_as_well(tmp_path: Path) -> None:
    worker = Worker(Models(ranker=stub(tmp_path)), command=COMMAND)
    await worker.start()
    os.kill(worker.pid, signal.SIGKILL)
    while worker.pid:
        await asyncio.sleep(0.005)
    waits = asyncio.create_task(outcome(worker, 1))
    await asyncio.sleep(0.4)  # the next process is on its way, and needs longer than that to load
    await worker.close()
    assert await waits == "WorkerLost"
    assert worker.pid == 0
    assert worker.figures.restarts == {"ended": 1}


async def test_a_worker_ends_with_who_started_it(tmp_path: Path) -> None:
    code = """
import asyncio, pathlib, sys
from inference.worker.client import Worker
from inference.worker.life import Models
from tests.worker_child import COMMAND
async def main():
    async with Worker(Models(ranker=pathlib.Path(sys.argv[1])), command=COMMAND) as worker:
        print(worker.pid, flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", code, stub(tmp_path)], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        pid = int(owner.stdout.readline())
        owner.kill()
    while is_there(pid):
        await asyncio.sleep(0.01)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_no_secret_of_the_environment_reaches_the_worker_and_its_temporary_folder_is_its_own(
    begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIDECAR_SMTP_PASSWORD", "secret-word")
    worker = await begin(stub(tmp_path))
    told = Path(f"/proc/{worker.pid}/environ").read_bytes()
    assert b"secret-word" not in told
    folder = Path(next(part[7:] for part in told.decode().split("\0") if part.startswith("TMPDIR=")))
    assert folder.stat().st_mode & 0o777 == 0o700
    await worker.close()
    assert not folder.exists()
