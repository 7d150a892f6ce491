"""Steps in a process of their own: what a record can do to it, and what becomes of that record."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import BinaryIO, cast

import numpy as np
import psutil
import pytest

from inference.judgement.judged import Judgement, Ranking
from inference.language.asks import Ask, Reply
from inference.worker.answered_by import AnsweredBy
from schemas.codec import Codec
from schemas.errors import BrokerError, SidecarError
from schemas.records import DeadLetter
from schemas.topics import DEAD_LETTERS, PATTERNS
from streams.agents.offload import CHUNK, CHUNK_BYTES, Offload
from streams.agents.steps import Asking, Input, Outcome, Output, Question, Told
from tests.asking import ask

CODEC = Codec()


class Trouble:
    """A step that does what its record says."""

    name = "trouble"

    def __init__(self, codec: Codec) -> None:
        self.asked = 0

    def __call__(self, record: Input) -> Outcome:
        match record.value:
            case b"die":
                os.kill(os.getpid(), signal.SIGKILL)
            case b"hang":
                time.sleep(3600)
            case b"spin":
                while True:
                    pass
            case b"raise":
                raise ZeroDivisionError("no")
            case b"large":
                return Outcome([Output(PATTERNS.name, b"", bytes(PATTERNS.largest_record))])
            case b"registry":
                self.asked += 1
                if self.asked == 1:
                    raise BrokerError("the registry is away")
            case b"print":
                print("not an answer", flush=True)  # noqa: T201
        return Outcome([Output(PATTERNS.name, b"", record.value or b"")])

    def instead(self, record: Input) -> list[Output]:
        return [Output(PATTERNS.name, b"", b"instead")]


class WhereAmI(Trouble):
    def __call__(self, record: Input) -> Outcome:
        return Outcome([Output(PATTERNS.name, b"", str(os.getpid()).encode())])


class Asks(Trouble):
    """Has a text read, where its record ends with one, and then as many candidates ranked as it says, but for 0."""

    def __call__(self, record: Input) -> Asking:  # type: ignore[override]
        count, _, text = (record.value or b"").decode().partition(" ")
        read = (yield ask(text)) if text else None
        said = f"{read.answer}: " if isinstance(read, Reply) else ""
        told = (yield np.full((int(count), 2), count, np.float32)) if int(count) else None
        if isinstance(told, Judgement) and told.ranker == "die":
            raise ZeroDivisionError("told to")
        said += f"{told.ranker} {told.ranking.gain.tolist()}" if isinstance(told, Judgement) else "nobody"
        return Outcome([Output(PATTERNS.name, b"", said.encode())])


class Unmade(Trouble):
    def __init__(self, codec: Codec) -> None:
        raise RuntimeError("not today")


def came(*values: bytes) -> list[Input]:
    return [Input("t", "i", 0, n, 1_700_000_000_000, b"k", value, (("h", b"v"),)) for n, value in enumerate(values)]


def values(outcomes: list[Outcome]) -> list[bytes]:
    return [output.value for outcome in outcomes for output in outcome.outputs if output.topic == PATTERNS.name]


def letters(outcomes: list[Outcome]) -> list[DeadLetter]:
    outputs = [output for outcome in outcomes for output in outcome.outputs if output.topic == DEAD_LETTERS.name]
    return [CODEC.decode_as(DeadLetter, output.value) for output in outputs]


async def run(offload: Offload, records: list[Input]) -> list[Outcome]:
    return [outcome async for outcomes in offload.run("trouble", records) for outcome in outcomes]


@pytest.fixture
async def offload() -> AsyncIterator[Offload]:
    made = Offload([f"{__name__}.Trouble"], Codec, deadline_s=1)
    yield made
    await made.stop()


async def test_outcomes_come_in_the_order_of_the_records(offload: Offload) -> None:
    many = [b"%d" % n for n in range(2 * CHUNK + 1)]
    assert values(await run(offload, came(*many))) == many


async def test_more_bytes_than_go_over_at_once_come_back_whole(offload: Offload) -> None:
    large = [bytes([n]) * (CHUNK_BYTES * 2 // 3) for n in range(4)]
    assert values(await run(offload, came(*large))) == large


async def test_what_steps_ask_is_asked_for_all_of_them_at_once_texts_before_lists() -> None:
    asked: list[list[object]] = []

    async def answer(questions: Sequence[Question]) -> list[Told]:
        asked.append([one.text if isinstance(one, Ask) else one.shape for one in questions])
        names = {9: None, 7: "die"}
        told: list[Told] = []
        for one in questions:
            if isinstance(one, Ask):
                told.append(Reply(one.text.upper(), AnsweredBy("rules", "words")) if one.text != "what?" else None)
            else:
                name = names.get(len(one), "model")
                told.append(Judgement(name, "1", Ranking(one[:, 0], one[:, 1])) if name else None)
        return told

    asking = Offload([f"{__name__}.Asks"], Codec, answer)
    outcomes = await run(asking, came(b"2", b"0", b"1 slow", b"9", b"7", b"0 what?"))
    assert values(outcomes) == [
        b"model [2.0, 2.0]", b"nobody", b"SLOW: model [1.0]", b"nobody", b"instead", b"nobody"
    ]  # fmt: skip
    assert asked == [["slow", "what?"], [(2, 2), (1, 2), (9, 2), (7, 2)]]
    assert [letter.error for letter in letters(outcomes)] == ["ZeroDivisionError"]
    assert values(await run(asking, came(b"0"))) == [b"nobody"]
    assert len(asked) == 2, "nothing is asked where no step asks"
    await asking.stop()


async def test_with_nobody_to_answer_a_step_goes_on() -> None:
    alone = Offload([f"{__name__}.Asks"], Codec)
    assert values(await run(alone, came(b"2 slow", b"0"))) == [b"nobody", b"nobody"]
    await alone.stop()


async def test_the_work_is_done_in_another_process() -> None:
    elsewhere = Offload([f"{__name__}.WhereAmI"], Codec)
    (pid,) = values(await run(elsewhere, came(b"")))
    assert int(pid) != os.getpid()
    await elsewhere.stop()
    assert not psutil.pid_exists(int(pid))


@pytest.mark.parametrize(
    ("poison", "error", "reason"),
    [
        (b"raise", "ZeroDivisionError", "no"),
        (b"die", "RecordError", "the process that read it ended by signal 9"),
        (b"hang", "RecordError", "the process that read it was not done after 1 s a record"),
        (b"large", "RecordError", "takes 4194304 bytes, patterns holds records of 4194304"),
    ],
)
async def test_a_poisonous_record_becomes_a_letter_and_the_rest_goes_on(
    offload: Offload, poison: bytes, error: str, reason: str
) -> None:
    outcomes = await run(offload, came(b"1", poison, b"3"))
    assert values(outcomes) == [b"1", b"instead", b"3"]
    (letter,) = letters(outcomes)
    assert (letter.payload, letter.key, letter.headers) == (poison, b"k", {"h": b"v"})
    assert (letter.source.offset, letter.agent, letter.error) == (1, "trouble", error)
    assert reason in letter.message
    assert [outcome.refused is not None for outcome in outcomes] == [False, True, False]


async def test_a_record_that_is_not_to_blame_is_no_letter(offload: Offload) -> None:
    with pytest.raises(BrokerError, match="the registry is away"):
        await run(offload, came(b"registry"))
    assert values(await run(offload, came(b"registry"))) == [b"registry"]


async def test_what_a_step_prints_is_no_answer(offload: Offload) -> None:
    assert values(await run(offload, came(b"print", b"2"))) == [b"print", b"2"]


async def test_a_process_that_cannot_start_is_an_error_and_no_letter() -> None:
    with pytest.raises(SidecarError, match=r"Unmade ended with code 1 at its start"):
        await Offload([f"{__name__}.Unmade"], Codec).start()


PARENT = """
import asyncio, sys
from schemas.codec import Codec
from streams.agents.offload import Offload
from tests.unit.test_offload import came, run

async def main():
    busy = Offload(["tests.unit.test_offload.Trouble"], Codec)
    await busy.start()
    print(busy._process.pid, flush=True)
    await run(busy, came(b"spin"))

asyncio.run(main())
"""


def test_the_process_does_not_outlive_a_parent_that_is_killed_even_when_it_is_busy() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE)
    child = psutil.Process(int(cast(BinaryIO, parent.stdout).readline()))
    while child.cpu_times().user < time.get_clock_info("process_time").resolution:
        pass
    parent.kill()
    parent.communicate()
    child.wait(30)
    assert not child.is_running()


def test_a_letters_time_is_that_of_its_record() -> None:
    (record,) = came(b"")
    assert record.time == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
