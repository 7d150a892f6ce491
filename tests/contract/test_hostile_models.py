"""Models that say anything at all, in a real child or over HTTP: what is suggested is what the rules propose, or what
the enumerated operations make of the catalog's names; and each record on the way is whole.
"""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count, permutations
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.advisor import propose
from inference.advisor.focusing import focused, readable
from inference.language.asks import answer_of
from inference.language.reading import COLUMNS, KINDS, MOST_OPERATIONS, Operation
from inference.worker.client import Worker
from inference.worker.life import Models
from schemas.actions import unpack
from schemas.definition import after
from schemas.records import AnalysisRequest, Candidate, MeasurementRequest, Suggestion
from schemas.render import by_name, render
from schemas.topics import MEASUREMENT_REQUESTS
from streams.agents.advise import Advise
from streams.agents.conclude import Conclude
from streams.agents.stepping import Asked, begin, go_on
from streams.judges import Judges
from streams.settings import Settings
from tests.advising import column, request, table, use
from tests.completions import Completions, completion
from tests.unit.test_conclude import query, result
from tests.unit.test_judging_agents import CODEC, came, measurement, measurement_request, only
from tests.worker_child import COMMAND, stub

VISITS = table("visits", [column("id"), column("shop", distinct=100_000), column("note", "VARCHAR")])
ORDERS = table("orders", [column("day", "DATE", distinct=2_000), column("customer", distinct=100_000)])
TEXT = "the list of a customer's orders is slow since Monday"
NEW = count(5_000)
"""Runs of a query, so that no request is like another and none is answered from the cache."""
in_one_loop = pytest.mark.asyncio(loop_scope="module")
often = settings(max_examples=150, deadline=None)


@dataclass(frozen=True)
class Hostile:
    """`worker` has a ranker and a language model that say what stands in their folder; `served` is a server's."""

    worker: Judges
    served: Judges
    folder: Path
    completions: Completions

    def says(self, said: object) -> None:
        (self.folder / "says").write_text(json.dumps(said))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hostile(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hostile]:
    folder = stub(tmp_path_factory.mktemp("hostile"))
    completions = Completions()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(completions.stop)
        served = Judges(Settings(model_url=await completions.start(), model_name="m"))
        worker = Judges(Settings(ranker=folder, model=folder))
        worker._worker = worker._reader = Worker(Models(ranker=folder, model=folder), command=COMMAND)
        for judges in (served, worker):
            stack.push_async_callback(judges.stop)
            await judges.start()
        yield Hostile(worker, served, folder, completions)
        assert not worker._worker.figures.restarts, "nothing that a model says costs its process"


def asked(text: str = "") -> AnalysisRequest:
    of_shop = use("SELECT note FROM visits WHERE shop = 7", rows=10, count=next(NEW))
    return request([VISITS, ORDERS], [of_shop, use("SELECT day FROM orders WHERE customer = 7", count=900)], text=text)


async def advised(judges: Judges, of: AnalysisRequest) -> MeasurementRequest | Suggestion:
    taken = begin(Advise(CODEC), came(of))
    while isinstance(taken, Asked):
        (told,) = await judges.answer([taken.question])
        taken = go_on(taken.asking, told)
    output = only(taken.outputs)
    assert output.fits()
    kind = MeasurementRequest if output.topic == MEASUREMENT_REQUESTS.name else Suggestion
    return CODEC.decode_as(kind, output.value)


def rendered(candidate: Candidate) -> str:
    tables, sql = by_name([VISITS, ORDERS]), []
    for body in map(unpack, candidate.actions):
        sql += render(body, tables)
        tables = after(body, tables)
    return "\n".join(sql)


def suggested(wanted: MeasurementRequest | Suggestion) -> set[str]:
    """What each candidate's steps say, were that one alone to gain."""
    found = set()
    for one in wanted.candidates if isinstance(wanted, MeasurementRequest) else ():
        gains = [query(fingerprint, 100, 5, 4, 8) for fingerprint in one.affected]
        outputs = Conclude(CODEC)(came(measurement(wanted, results=[result(one, *gains)]))).outputs
        suggestion = CODEC.decode_as(Suggestion, only(outputs).value)
        assert suggestion.kind == "change"
        found.add("\n".join(sql for step in suggestion.steps for sql in step.sql))
    return found


BY_RULES = {one.candidate_id: rendered(one) for one in propose(asked()).candidates}
COUNT = len(BY_RULES)
anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=9) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)
no_number = st.sampled_from([float("nan"), float("inf"), -float("inf"), None, "much", [0.5], 10**400])
no_probability = st.sampled_from([-5.0, -1e-9, 1.0001, 1e300])
gains, preferences = st.floats(0, 1), st.floats(allow_nan=False, allow_infinity=False) | st.just(1e300)


def lists(rows: int, length: int) -> st.SearchStrategy[list[list[Any]]]:
    return st.lists(st.lists(gains, min_size=length, max_size=length), min_size=rows, max_size=rows)


@st.composite
def poisoned(draw: st.DrawFn) -> list[list[Any]]:
    """As long as it should be, with one place that is no number or no probability."""
    said, place = draw(lists(2, COUNT)), draw(st.integers(0, COUNT - 1))
    if draw(st.booleans()):
        said[0][place] = draw(no_number)
    else:
        said[1][place] = draw(no_number | no_probability)
    return said


sizes = st.tuples(st.integers(0, 3), st.integers(0, COUNT + 2)).filter(lambda size: size != (2, COUNT))
of_one_list = poisoned() | sizes.flatmap(lambda size: lists(*size))
of_all_lists = st.one_of(
    of_one_list.map(lambda said: [said]),
    st.lists(anything, max_size=3).filter(lambda said: len(said) != 1),
    anything.filter(lambda said: not isinstance(said, list)),
)


def test_there_is_enough_to_be_lied_about() -> None:
    assert sorted(BY_RULES.values()) == sorted(set(BY_RULES.values()))
    assert COUNT == 4


@in_one_loop
@often
@given(said=of_all_lists)
async def test_a_ranker_that_says_anything_is_refused_and_the_rules_decide(hostile: Hostile, said: object) -> None:
    of = asked()
    hostile.says(said)
    before = sum(hostile.worker._worker.figures.refused.values())
    wanted = await advised(hostile.worker, of)
    assert wanted == measurement_request(of)
    assert suggested(wanted) == set(BY_RULES.values())
    assert sum(hostile.worker._worker.figures.refused.values()) == before + 1


@in_one_loop
@often
@given(rows=st.lists(st.tuples(preferences, gains), min_size=COUNT, max_size=COUNT))
async def test_a_ranking_moves_the_order_and_nothing_else(hostile: Hostile, rows: list[tuple[float, float]]) -> None:
    of = asked()
    hostile.says([[*zip(*rows, strict=True)]])
    wanted = await advised(hostile.worker, of)
    assert isinstance(wanted, MeasurementRequest)
    assert wanted.ranker == "stub"
    told = {one.candidate_id: row for one, row in zip(measurement_request(of).candidates, rows, strict=True)}
    assert {one.candidate_id: (one.preference, one.likely) for one in wanted.candidates} == told
    promises = [one.promised_s * one.prior * one.likely for one in wanted.candidates]
    assert promises == sorted(promises, reverse=True)
    assert suggested(wanted) == set(BY_RULES.values())


def operations() -> Iterator[Operation]:
    """All that there are on the catalog."""
    for one in readable(propose(asked()).workload.tables):
        names = [name for name, _ in one.columns]
        for kind in KINDS:
            for size in range(COLUMNS[kind].least, min(COLUMNS[kind].most, len(names)) + 1):
                for columns in permutations(names, size):
                    yield Operation(kind=kind, table=one.name, columns=columns)


ENUMERATED = {
    rendered(candidate): {action.kind for action in candidate.actions}
    for one in operations()
    for candidate in focused(propose(asked()), [one]).candidates
}
texts = st.one_of(
    st.text(),
    anything.map(json.dumps),
    st.fixed_dictionaries({"operations": anything}).map(json.dumps),
    st.lists(st.sampled_from(list(operations())), max_size=MOST_OPERATIONS + 1).map(answer_of).map(json.dumps),
    st.builds(
        lambda kind, name, columns: json.dumps({"operations": [{"kind": kind, "table": name, "columns": columns}]}),
        st.sampled_from(KINDS) | st.text(max_size=9),
        st.sampled_from(["visits", "orders", "Visits", 'visits"; DROP TABLE orders; --', "pg_class"]),
        st.lists(st.sampled_from(["shop", "note", "customer", "1; DROP TABLE orders", "count(*)"]), max_size=3),
    ),
    st.sampled_from(["DROP TABLE orders", '{"operations": [', "[" * 5_000, '{"operations": NaN}']),
)


def test_all_that_can_be_asked_for_is_more_than_the_rules_propose_and_drops_nothing() -> None:
    assert set(BY_RULES.values()) < set(ENUMERATED)
    assert set().union(*ENUMERATED.values()) == {"create_index", "cluster"}


@in_one_loop
@often
@given(said=texts, backend=st.sampled_from(["worker", "served"]))
async def test_a_model_that_reads_a_request_as_anything_leads_to_enumerated_operations_alone(
    hostile: Hostile, said: str, backend: str
) -> None:
    hostile.says(said)
    hostile.completions.answers = lambda _: completion(said)
    wanted = await advised(hostile.worker if backend == "worker" else hostile.served, asked(TEXT))
    assert (wanted.asked, wanted.read_as != "") == (TEXT, True)
    assert suggested(wanted) <= set(ENUMERATED)
