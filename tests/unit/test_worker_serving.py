"""The child's loop in this process, on a thread, with models that are made up: no MLX runs here."""

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from threading import Event, Thread

import numpy as np
import pytest

from inference.judgement.features import FEATURES, Features
from inference.judgement.judged import Ranking
from inference.language.asks import Ask, OneOf, Task
from inference.worker import frames
from inference.worker.requests import Rank, Request, Said, Say, ranking_of
from inference.worker.serving import Server
from inference.worker.waiting import Priority
from schemas.errors import InvalidAnswer, JudgementError

SOON_S = 30.0
ASK = Ask(task=Task(name="t", instructions="i"), text="x", answer=OneOf(ids=("yes", "no"), otherwise="no"))


class Ranks:
    """The preference is the first feature. The first list waits until it is let go, so that others gather."""

    name, version = "stub", "1"

    def __init__(self) -> None:
        self.seen: list[list[float]] = []
        self.begun, self.go = Event(), Event()

    def score(self, lists: Sequence[Features]) -> list[Ranking]:
        self.seen.append([float(one[0, 0]) for one in lists])
        self.begun.set()
        assert self.go.wait(SOON_S)
        if -1.0 in self.seen[-1]:
            raise ValueError("minus one")
        return [Ranking(one[:, 0].astype(float), np.where(one[:, 0] == 13, np.nan, 0.5)) for one in lists]


class Speaks:
    name, version, rows = "stub", "1", 2

    def __init__(self) -> None:
        self.left: dict[int, int] = {}
        self.stopped: list[int] = []
        self.most = 0

    def __len__(self) -> int:
        return len(self.left)  # false while it is idle, and there all the same

    def begin(self, key: int, ask: Ask) -> None:
        if ask.text == "refused":
            raise JudgementError("not this one")
        self.left[key] = {"endless": 10**9, "fails": -1}.get(ask.text, 3)
        self.most = max(self.most, len(self.left))

    def step(self) -> dict[int, Said | InvalidAnswer]:
        time.sleep(0.001)
        if -1 in self.left.values():
            raise ValueError("minus one")
        self.left = {key: left - 1 for key, left in self.left.items()}
        done = [key for key, left in self.left.items() if left == 0]
        for key in done:
            del self.left[key]
        return {key: Said("yes", 3) for key in done}

    def reset(self) -> None:
        self.left.clear()

    def stop(self, key: int) -> None:
        self.stopped.append(key)
        self.left.pop(key, None)


class Talk:
    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.beats = 0

    def send(self, **requests: Request) -> None:
        for key, request in requests.items():
            self.channel.sendall(request.frame(int(key[1:])))

    def cancel(self, key: int) -> None:
        self.channel.sendall(frames.pack({"id": key, "kind": "cancel"}))

    def hear(self, count: int) -> dict[int, tuple[frames.Header, bytes]]:
        """Answers; beats are counted."""
        found: dict[int, tuple[frames.Header, bytes]] = {}
        while len(found) < count:
            header, body = frames.receive(self.channel)
            if header["kind"] == "beat":
                self.beats += 1
                continue
            assert header["id"] not in found
            found[header["id"]] = header, body
        return found


Serve = Callable[[Ranks | None, Speaks | None], Talk]


@pytest.fixture
def serve() -> Iterator[Serve]:
    ours, theirs = socket.socketpair()
    ours.settimeout(SOON_S)
    threads: list[Thread] = []

    def start(ranker: Ranks | None, speaker: Speaks | None) -> Talk:
        threads.append(Thread(target=Server(theirs, ranker, speaker).run))
        threads[0].start()
        return Talk(ours)

    with ours, theirs:
        yield start
        ours.close()
        for thread in threads:
            thread.join(SOON_S)
            assert not thread.is_alive(), "it ends when its channel is closed"


def rank(value: float, priority: Priority = Priority.AGENTS, within_s: float = SOON_S) -> Rank:
    return Rank(priority, time.monotonic() + within_s, np.full((2, len(FEATURES)), value, np.float32))


def say(text: str, within_s: float = SOON_S) -> Say:
    return Say(Priority.AGENTS, time.monotonic() + within_s, ASK.model_copy(update={"text": text}))


def test_what_gathers_while_the_model_is_at_work_is_one_forward(serve: Serve) -> None:
    ranks = Ranks()
    talk = serve(ranks, None)
    talk.send(k1=rank(1))
    assert ranks.begun.wait(SOON_S)
    talk.send(k2=rank(2), k3=rank(3), k4=rank(4))
    time.sleep(0.05)
    ranks.go.set()
    heard = talk.hear(4)
    assert ranks.seen == [[1.0], [2.0, 3.0, 4.0]]
    assert {key: ranking_of(body, 2).preference.tolist() for key, (_, body) in heard.items()} == {
        key: [key, key] for key in (1, 2, 3, 4)
    }
    assert [heard[key][0]["batch"] for key in (1, 2)] == [1, 3]


def test_a_deadline_that_is_over_and_what_is_cancelled_are_refused_without_work(serve: Serve) -> None:
    ranks = Ranks()
    talk = serve(ranks, None)
    talk.send(k1=rank(1))
    assert ranks.begun.wait(SOON_S)
    talk.send(k2=rank(2, within_s=-1), k3=rank(3), k4=rank(4))
    talk.cancel(3)
    talk.cancel(99)
    time.sleep(0.05)
    ranks.go.set()
    heard = {key: header.get("error", "ranked") for key, (header, _) in talk.hear(4).items()}
    assert heard == {1: "ranked", 2: "TooLate", 3: "JudgementError", 4: "ranked"}
    assert ranks.seen == [[1.0], [4.0]]


def test_a_model_that_fails_costs_its_batch_and_no_more(serve: Serve) -> None:
    ranks = Ranks()
    ranks.go.set()
    talk = serve(ranks, None)
    talk.send(k1=rank(-1))
    assert talk.hear(1)[1][0]["message"] == "the model that ranks failed: ValueError('minus one')"
    talk.send(k2=rank(2))
    assert talk.hear(1)[2][0]["kind"] == "ranked"


def test_a_score_that_is_no_number_is_no_answer_and_the_lists_beside_it_are_answered(serve: Serve) -> None:
    ranks = Ranks()
    talk = serve(ranks, None)
    talk.send(k1=rank(1))
    assert ranks.begun.wait(SOON_S)
    talk.send(k2=rank(13), k3=rank(3))
    time.sleep(0.05)
    ranks.go.set()
    heard = talk.hear(3)
    assert ranks.seen == [[1.0], [13.0, 3.0]]
    assert [heard[key][0].get("error", "ranked") for key in (1, 2, 3)] == ["ranked", "InvalidAnswer", "ranked"]


def test_without_a_model_the_rules_decide(serve: Serve) -> None:
    talk = serve(None, None)
    talk.send(k1=rank(1), k2=say("x"))
    heard = talk.hear(2)
    assert heard[1][0]["message"] == "there is no model that ranks: the rules decide"
    assert heard[2][0]["message"] == "there is no language model: the rules decide"


def test_more_than_its_rows_wait_and_all_are_answered(serve: Serve) -> None:
    ranks, speaks = Ranks(), Speaks()
    talk = serve(ranks, speaks)
    talk.send(k9=rank(9))
    assert ranks.begun.wait(SOON_S)
    talk.send(**{f"k{key}": say("x") for key in range(1, 9)})
    time.sleep(0.05)
    ranks.go.set()
    assert list(talk.hear(1)) == [9]
    heard = talk.hear(8)
    assert {header["text"] for header, _ in heard.values()} == {"yes"}
    assert speaks.most == 2
    assert max(header["batch"] for header, _ in heard.values()) == 2


def test_a_ranking_does_not_wait_for_a_text_that_is_generated(serve: Serve) -> None:
    ranks, speaks = Ranks(), Speaks()
    ranks.go.set()
    talk = serve(ranks, speaks)
    talk.send(k1=say("endless"), k2=rank(2))
    assert list(talk.hear(1)) == [2]
    talk.cancel(1)
    assert talk.hear(1)[1][0]["message"] == "it was cancelled"
    assert speaks.stopped == [1]


def test_a_text_that_takes_longer_than_its_deadline_is_given_up(serve: Serve) -> None:
    speaks = Speaks()
    talk = serve(None, speaks)
    talk.send(k1=say("endless", within_s=0.05), k2=say("refused"))
    heard = talk.hear(2)
    assert (heard[1][0]["error"], heard[2][0]["message"]) == ("TooLate", "not this one")
    assert speaks.stopped == [1]


def test_a_language_model_that_fails_costs_its_rows_and_no_more(serve: Serve) -> None:
    talk = serve(None, Speaks())
    talk.send(k1=say("endless"), k2=say("fails"))
    heard = talk.hear(2)
    assert {header["message"] for header, _ in heard.values()} == {"the language model failed: ValueError('minus one')"}
    talk.send(k3=say("x"))
    assert talk.hear(1)[3][0]["text"] == "yes"


def test_it_gives_signs_while_nothing_is_asked(serve: Serve) -> None:
    talk = serve(None, None)
    for _ in range(3):
        header, _ = frames.receive(talk.channel)
        assert header["kind"] == "beat"
        assert header["resident_bytes"] > 1 << 20
