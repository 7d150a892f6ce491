"""The agents' steps in their processes, as the streams role spreads them."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from inference.language.asks import Ask, Reply
from inference.worker.answered_by import AnsweredBy
from schemas.records import Reading, Suggestion
from streams import streaming
from streams.access.signing import create
from streams.agents.steps import Input, Outcome, Question, Told
from streams.judges import Judges
from streams.settings import Settings
from tests.advising import request
from tests.unit.test_judging_agents import CODEC, SELECTIVE, VISITS, measurement, measurement_request
from tests.unit.test_judging_agents import came as of_advice
from tests.unit.test_read_reasons import approval
from tests.unit.test_read_reasons import came as of_people

SOON_S = 30


class Slow(Judges):
    """A model that reads a text once it is let."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.asked, self.let = asyncio.Event(), asyncio.Event()

    async def answer(self, questions: Sequence[Question]) -> list[Told]:
        if any(isinstance(one, Ask) for one in questions):
            self.asked.set()
            await self.let.wait()
        return [Reply("timing", AnsweredBy("http", "slow")) if isinstance(one, Ask) else None for one in questions]


async def test_no_conclusion_waits_for_a_model_that_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "Judges", Slow)
    role = streaming.Streaming(Settings(data_folder=tmp_path), lambda _: None)
    judges, offloads = role._judges, {step: offload for step, _, offload in role._agents}
    assert isinstance(judges, Slow)

    async def outcome(step: str, record: Input) -> Outcome:
        [[found]] = [outcomes async for outcomes in offloads[step].run(step, [record])]
        assert found.refused is None
        return found

    rejection = approval(create(tmp_path / "bob", "people", "bob"), "not before the freeze ends")
    reading = asyncio.create_task(outcome("read", of_people(CODEC.encode(rejection))))
    await judges.asked.wait()
    asked = request([VISITS], [SELECTIVE])
    measured = of_advice(measurement(measurement_request(asked), error="the disk is full"))
    concluded = await asyncio.wait_for(outcome("conclude", measured), SOON_S)
    assert CODEC.decode_as(Suggestion, concluded.outputs[0].value).kind == "nothing"
    assert not reading.done()
    judges.let.set()
    [read] = (await reading).outputs
    assert CODEC.decode_as(Reading, read.value).reason == "timing"
    assert await role.stop()
