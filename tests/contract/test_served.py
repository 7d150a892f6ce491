"""A server of chat completions is asked over HTTP, and trusted in nothing."""

import asyncio
import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.language.asks import Ask, Form, OneOf, Operations, messages
from inference.language.reading import Table
from inference.language.served import Served
from inference.language.tasks import request_ask
from schemas.errors import InvalidAnswer, JudgementError, TooLate
from tests.asking import CATALOG, CHOICE, FORM, IDS, SAID_OPERATIONS, TEXTS, ask, outside
from tests.completions import Completions, completion

SOON_S = 60.0

PARTS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
FILLED = st.dictionaries(st.sampled_from(["answer", "operation", "sure"]), st.sampled_from(IDS) | st.text() | st.none())
ANYTHING = st.one_of(
    st.binary(max_size=200),
    st.recursive(PARTS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)),
    st.builds(completion, st.text() | st.sampled_from(IDS) | st.none() | st.lists(st.text())),
    st.builds(completion, st.builds(json.dumps, FILLED)),
    st.builds(completion, SAID_OPERATIONS),
    st.builds(completion, st.builds("{}{}".format, st.sampled_from(IDS), st.text())),
)


async def test_a_hostile_server_that_says_anything_gets_nothing_but_an_answer_through() -> None:
    said: list[object] = [b""]
    completions = Completions(lambda _: said[0])
    counted: Counter[str] = Counter()
    async with Served(await completions.start(), "hostile") as served:

        async def once(answer: object, asked: Ask) -> None:
            said[0] = answer
            try:
                reply = await served.say(asked, within_s=SOON_S)
            except InvalidAnswer:
                counted["refused"] += 1
                return
            counted["answered"] += 1
            assert not outside(asked, reply.answer)

        examples: list[tuple[object, Ask]] = []

        @given(ANYTHING, st.sampled_from([CHOICE, FORM, CATALOG]))
        def collect(answer: object, wanted: OneOf | Form | Operations) -> None:
            examples.append((answer, ask(answer=wanted)))

        collect()
        examples += [(completion(one), ask()) for one in IDS]
        for answer, asked in examples:
            await once(answer, asked)
        assert counted["answered"] >= len(IDS)
        assert served.figures.refused == {("say", "InvalidAnswer"): counted["refused"]}
        assert counted["refused"] > 20
    await completions.stop()


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (b"[" * 100_000, "with more than a model is asked for"),
        (json.dumps(completion("x" * 100_000)).encode(), "with more than a model is asked for"),
        (b"[" * 60_000, "not one of chat completions"),
        (completion("[" * 60_000), "is none of the 5 ids"),
        (completion('{"answer": "drop", "answer": "drop it all"}'), "does not fit the form"),
        (completion('{"answer": NaN}'), "does not fit the form"),
    ],
)
async def test_what_a_server_should_not_say_is_refused(said: object, problem: str) -> None:
    completions = Completions(lambda _: said)
    async with Served(await completions.start(), "m") as served:
        with pytest.raises(InvalidAnswer, match=problem):
            await served.say(ask(), within_s=SOON_S)
    await completions.stop()


async def test_a_server_is_told_the_tables_with_the_types_of_their_columns_as_any_model_is() -> None:
    completions = Completions()
    asked = request_ask("orders are slow", [Table(name="orders", columns=(("due", "TIMESTAMP"), ("id", "BIGINT")))])
    async with Served(await completions.start(), "some-model") as served:
        await served.say(asked, within_s=SOON_S)
    (body,) = completions.seen
    assert body["messages"] == messages(asked)
    assert "TIMESTAMP" in body["messages"][1]["content"]
    assert "operations" in body["response_format"]["json_schema"]["schema"]["properties"]
    await completions.stop()


async def test_a_server_is_given_the_form_and_the_key_and_nothing_is_sampled() -> None:
    completions = Completions()
    async with Served(await completions.start(), "some-model", key="k-1") as served:
        reply = await served.say(ask(), within_s=SOON_S)
    assert (reply.answer, reply.tokens, reply.by.model) == ("create index late", 7, "some-model")
    (body,) = completions.seen
    assert completions.keys == ["Bearer k-1"]
    assert (body["model"], body["temperature"], body["stream"]) == ("some-model", 0, False)
    assert body["response_format"]["json_schema"]["schema"]["properties"]["answer"]["enum"] == list(IDS)
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert TEXTS[0] in body["messages"][1]["content"]
    await completions.stop()


async def test_a_server_that_fails_is_slow_or_is_not_there_is_told() -> None:
    completions = Completions()
    url = await completions.start()
    async with Served(url, "m") as served:
        completions.status = 503
        with pytest.raises(JudgementError, match="answered with status 503"):
            await served.say(ask(), within_s=SOON_S)
        completions.status = 307
        with pytest.raises(JudgementError, match="answered with status 307"):
            await served.say(ask(), within_s=SOON_S)
        completions.answers = lambda _: asyncio.sleep(5)
        with pytest.raises(TooLate, match="did not answer within 0.1 s"):
            await served.say(ask(), within_s=0.1)
        await completions.stop()
        with pytest.raises(JudgementError, match="cannot be asked: Client"):
            await served.say(ask(), within_s=SOON_S)
        assert served.figures.refused == {("say", "JudgementError"): 3, ("say", "TooLate"): 1}
