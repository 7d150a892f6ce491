"""The parts of the worker that need no process: what waits, what was answered before, figures, frames, batches."""

import socket
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.judgement.features import FEATURES
from inference.judgement.judged import Ranking
from inference.worker import frames
from inference.worker.answered_by import AnsweredBy
from inference.worker.figures import SECONDS, Figures, Histogram
from inference.worker.requests import Rank, checked, ranking_frame, ranking_of
from inference.worker.responses import OVERHEAD, Responses, key_of
from inference.worker.serving import CELLS, batches
from inference.worker.waiting import Priority, Waiting
from schemas.errors import InvalidAnswer, JudgementError, Overloaded, TooLate


@dataclass(frozen=True)
class One:
    name: str
    priority: Priority = Priority.AGENTS
    deadline: float = 10.0


def waiting(*requests: One, limit: int = 10) -> Waiting[One]:
    made: Waiting[One] = Waiting(limit)
    for key, request in enumerate(requests):
        made.add(key, request)
    return made


def test_the_most_urgent_is_taken_first_and_of_those_the_oldest() -> None:
    queue = waiting(
        One("a", Priority.BACKGROUND), One("b"), One("c", Priority.PEOPLE), One("d"), One("e", Priority.PEOPLE)
    )
    taken, late = queue.take(4, now=0.0)
    assert [one.name for one in taken.values()] == ["c", "e", "b", "d"]
    assert (late, len(queue)) == ({}, 1)


def test_what_is_past_its_deadline_is_found_and_takes_no_place() -> None:
    queue = waiting(One("late", deadline=5.0), One("in time", deadline=5.1), One("next"), One("not yet"))
    taken, late = queue.take(2, now=5.0)
    assert [one.name for one in taken.values()] == ["in time", "next"]
    assert [one.name for one in late.values()] == ["late"]


def test_one_more_than_may_wait_is_refused_and_the_others_stay() -> None:
    queue = waiting(One("a"), One("b"), limit=2)
    with pytest.raises(Overloaded, match="2 requests wait"):
        queue.add(9, One("c", Priority.PEOPLE))
    assert [one.name for one in queue.take(9, 0.0)[0].values()] == ["a", "b"]


def test_what_is_dropped_is_not_taken() -> None:
    queue = waiting(One("a"), One("b", Priority.PEOPLE))
    assert [queue.drop(1), queue.drop(1), queue.drop(7)] == [True, False, False]
    assert list(queue.take(9, 0.0)[0]) == [0]


def test_those_that_are_due_leave_and_the_others_wait_on() -> None:
    queue = waiting(One("a", deadline=1.0), One("b", Priority.PEOPLE, 2.0), One("c", deadline=2.1))
    assert {one.name for one in queue.due(2.0)} == {"a", "b"}
    assert [one.name for one in queue.take(9, 0.0)[0].values()] == ["c"]


def test_the_answers_that_were_used_least_lately_go_first() -> None:
    kept: Responses[str] = Responses(2 * (OVERHEAD + 10))
    kept.put(b"a", "A", 10)
    kept.put(b"b", "B", 10)
    assert kept.get(b"a") == "A"
    kept.put(b"c", "C", 10)
    assert [kept.get(key) for key in (b"a", b"b", b"c")] == ["A", None, "C"]
    assert kept.bytes == 2 * (OVERHEAD + 10)


def test_an_answer_that_is_put_again_counts_once_and_one_too_large_is_not_kept() -> None:
    kept: Responses[str] = Responses(1_000)
    for text in ("first", "second"):
        kept.put(b"a", text, 100)
    assert (kept.get(b"a"), kept.bytes) == ("second", OVERHEAD + 100)
    kept.put(b"b", "large", 1_000)
    assert (kept.get(b"b"), kept.bytes) == (None, 0)


def test_an_answer_is_known_by_all_that_made_it() -> None:
    asked = (
        key_of(AnsweredBy("mlx-cpu", "m", "1"), b"x"),
        key_of(AnsweredBy("mlx-metal", "m", "1"), b"x"),
        key_of(AnsweredBy("mlx-cpu", "n", "1"), b"x"),
        key_of(AnsweredBy("mlx-cpu", "m", "2"), b"x"),
        key_of(AnsweredBy("mlx-cpu", "m1", ""), b"x"),
        key_of(AnsweredBy("mlx-cpu", "m", "1"), b"y"),
    )
    assert len(set(asked)) == len(asked)
    assert key_of(AnsweredBy("mlx-cpu", "m", "1"), b"x") == asked[0]


@given(st.lists(st.floats(0.0001, 60), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_quantile_lies_within_the_bucket_of_the_true_one(values: list[float], part: float) -> None:
    histogram = Histogram(SECONDS)
    for value in values:
        histogram.add(value)
    true = float(np.quantile(values, part, method="inverted_cdf"))
    above = next(bound for bound in SECONDS if bound >= true)
    below = max((bound for bound in SECONDS if bound < true), default=0.0)
    assert below <= histogram.quantile(part) <= above * (1 + 1e-9)
    assert histogram.sum == pytest.approx(sum(values))


def test_the_buckets_are_close_enough_to_tell_a_p95_of_10_ms_from_one_of_20() -> None:
    assert max(later / earlier for earlier, later in pairwise(SECONDS)) <= 1.7
    assert Histogram(SECONDS).quantile(0.95) == 0.0
    within = Histogram((1.0, 2.0))
    for _ in range(4):
        within.add(1.9)
    assert (within.quantile(0.5), within.quantile(1)) == (1.5, 2.0)
    beyond = Histogram((1.0, 2.0))
    beyond.add(99.0)
    assert beyond.quantile(0.5) == 2.0


def test_a_refusal_is_counted_by_its_name() -> None:
    figures = Figures()
    for error in (TooLate("x"), Overloaded("x"), TooLate("y")):
        with pytest.raises(JudgementError), figures.request("rank"):
            raise error
    assert figures.refused == {("rank", "TooLate"): 2, ("rank", "Overloaded"): 1}


def test_a_frame_comes_as_it_went() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(frames.pack({"id": 7, "text": "späte Lieferung"}, b"\0\1") + frames.pack({}))
        ours.close()
        assert frames.receive(theirs) == ({"id": 7, "text": "späte Lieferung"}, b"\0\1")
        assert frames.receive(theirs) == ({}, b"")
        with pytest.raises(EOFError):
            frames.receive(theirs)


def test_a_frame_that_is_too_large_is_not_made() -> None:
    with pytest.raises(JudgementError, match=r"a request of 1,048,577 bytes is larger than a model is asked"):
        frames.pack({}, bytes(frames.LARGEST - frames.LENGTHS.size - 1))
    assert len(frames.pack({}, bytes(frames.LARGEST - frames.LENGTHS.size - 2))) == frames.LARGEST


def rank(count: int) -> Rank:
    return Rank(Priority.AGENTS, 10.0, np.zeros((count, len(FEATURES)), np.float32))


def test_lists_of_common_sizes_are_one_batch() -> None:
    requests = {key: rank(8 + key % 25) for key in range(64)}
    (batch,) = batches(requests)
    assert set(batch) == set(requests)


def test_short_lists_are_not_filled_up_to_a_very_long_one() -> None:
    requests = {1: rank(24), 2: rank(1_000), 3: rank(8), 4: rank(20_000)} | {key: rank(24) for key in range(5, 40)}
    found = list(batches(requests))
    assert sorted(key for batch in found for key in batch) == sorted(requests)
    for batch in found:
        cells = len(batch) * max(len(one.features) for one in batch.values())
        assert cells <= CELLS or len(batch) == 1
    assert list(batches({})) == []


@pytest.mark.parametrize(
    "features",
    [
        np.zeros((3, len(FEATURES) + 1), np.float32),
        np.zeros(len(FEATURES), np.float32),
        np.full((1, len(FEATURES)), np.nan, np.float32),
        np.full((1, len(FEATURES)), np.inf, np.float32),
    ],
)
def test_what_are_no_features_is_not_sent(features: np.ndarray) -> None:
    with pytest.raises(JudgementError, match=f"to rank are rows of {len(FEATURES)} finite features"):
        checked(features)


def test_a_ranking_comes_as_it_went() -> None:
    went = Ranking(np.array([1e300, -5.0, 0.0]), np.array([0.0, 1.0, 5e-324]))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(ranking_frame(7, went, batch=4))
        header, body = frames.receive(theirs)
    assert header == {"id": 7, "kind": "ranked", "batch": 4}
    came = ranking_of(body, 3)
    assert (came.preference.tolist(), came.gain.tolist()) == ([1e300, -5.0, 0.0], [0.0, 1.0, 5e-324])


@pytest.mark.parametrize("size", [0, 8, 47, 49, 64])
def test_bytes_that_are_no_ranking_of_the_candidates_are_no_answer(size: int) -> None:
    with pytest.raises(InvalidAnswer, match=f"an answer of {size} bytes is no ranking of 3 candidates"):
        ranking_of(bytes(size), 3)


@pytest.mark.parametrize(
    ("preference", "gain"), [(np.nan, 0.5), (-np.inf, 0.5), (0, np.nan), (0, np.inf), (0, -5), (0, -1e-9), (0, 1.001)]
)
def test_bytes_of_what_is_no_number_or_no_probability_are_no_answer(preference: float, gain: float) -> None:
    with pytest.raises(InvalidAnswer, match="no number, or no probability"):
        ranking_of(np.array([[0, preference], [0.5, gain]], np.float64).tobytes(), 2)
