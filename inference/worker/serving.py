"""The main thread of the child: takes what has come, computes what waits, and says that it is alive."""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from queue import Empty, SimpleQueue
from socket import SHUT_RDWR, socket
from threading import Thread
from typing import Protocol

from schemas.errors import InvalidAnswer, JudgementError, TooLate

from ..judgement import judged
from ..judgement.ranker import Ranker
from ..language.asks import Ask
from . import frames
from .memory import resident_bytes
from .requests import WINDOW, Rank, Said, Say, ranking_frame, request_of
from .waiting import Waiting

BEAT_S = 0.25
CELLS = 1 << 14
"""Candidates of a forward, those included that lists are filled up with to the longest."""
LATE = "its deadline was over before the model came to it: the rules decide"


class Speaker(Protocol):
    """A language model; of the answers that it works on together each is a row."""

    name: str
    version: str
    rows: int
    """At most."""
    growth_bytes: int
    """Memory that it takes beyond what it has once it is loaded, with all its rows."""

    def begin(self, key: int, ask: Ask) -> None:
        """Raises JudgementError."""

    def step(self) -> dict[int, Said | InvalidAnswer]:
        """One token for each row that generates; those that are through."""

    def stop(self, key: int) -> None: ...
    def reset(self) -> None:
        """After a step that failed: no rows, and nothing left of them."""


class Server:
    def __init__(self, channel: socket, ranker: Ranker | None, speaker: Speaker | None) -> None:
        self._channel = channel
        self._ranker = ranker
        self._speaker = speaker
        self._inbox: SimpleQueue[tuple[frames.Header, bytes] | None] = SimpleQueue()
        self._ranks: Waiting[Rank] = Waiting(WINDOW["rank"])
        self._says: Waiting[Say] = Waiting(WINDOW["say"])
        self._saying: dict[int, float] = {}
        """Deadlines of the rows."""
        self._beaten = 0.0

    def run(self) -> None:
        """Until the other side closes the channel."""
        reader = Thread(target=self._read, daemon=True)
        reader.start()
        with suppress(BrokenPipeError, ConnectionResetError):
            while self._receive():
                self._rank()
                self._speak()
                self._beat()
        with suppress(OSError):
            self._channel.shutdown(SHUT_RDWR)
        reader.join()

    def _read(self) -> None:
        with suppress(EOFError, OSError):
            while True:
                self._inbox.put(frames.receive(self._channel))
        self._inbox.put(None)

    def _receive(self) -> bool:
        """All that has come, or waits for something. False at the end."""
        is_idle = not (self._saying or self._says or self._ranks)
        with suppress(Empty):
            while (frame := self._inbox.get(is_idle, BEAT_S if is_idle else None)) is not None:
                self._accept(*frame)
                is_idle = False
            return False
        return True

    def _accept(self, header: frames.Header, body: bytes) -> None:
        key = header["id"]
        if header["kind"] == "cancel":
            self._cancel(key)
            return
        try:
            match request_of(header, body):
                case Rank() as rank:
                    self._ranks.add(key, rank)
                case Say() as say:
                    self._says.add(key, say)
        except JudgementError as error:
            self._refuse(key, error)

    def _cancel(self, key: int) -> None:
        if self._saying.pop(key, None) is not None and self._speaker is not None:
            self._speaker.stop(key)
        elif not (self._ranks.drop(key) or self._says.drop(key)):
            return  # it was answered in between
        self._refuse(key, JudgementError("it was cancelled"))

    def _rank(self) -> None:
        taken, late = self._ranks.take(WINDOW["rank"], time.monotonic())
        for key in late:
            self._refuse(key, TooLate(LATE))
        for batch in batches(taken):
            self._rank_batch(batch)

    def _rank_batch(self, batch: Mapping[int, Rank]) -> None:
        if self._ranker is None:
            for key in batch:
                self._refuse(key, JudgementError("there is no model that ranks: the rules decide"))
            return
        try:
            said: list[object] = [*self._ranker.score([rank.features for rank in batch.values()])]
        except Exception as error:  # noqa: BLE001 - of a model: it costs this batch, and not the process
            for key in batch:
                self._refuse(key, JudgementError(f"the model that ranks failed: {error!r}"))
            return
        if len(said) != len(batch):
            said = [None] * len(batch)  # whose they are is not known
        for (key, rank), one in zip(batch.items(), said, strict=True):
            try:
                ranking = judged.read(one, len(rank.features))
            except InvalidAnswer as error:
                self._refuse(key, error)
            else:
                self._channel.sendall(ranking_frame(key, ranking, len(batch)))

    def _speak(self) -> None:
        now = time.monotonic()
        for key in [key for key, deadline in self._saying.items() if deadline <= now]:
            self._cancel_late(key)
        self._begin(now)
        if self._speaker is None or not self._saying:
            return
        together = len(self._saying)
        try:
            done = self._speaker.step()
        except Exception as error:  # noqa: BLE001 - of a model: it costs its rows, and not the process
            self._speaker.reset()
            for key in list(self._saying):
                self._finish(key, JudgementError(f"the language model failed: {error!r}"), together)
            return
        for key, outcome in done.items():
            self._finish(key, outcome, together)

    def _begin(self, now: float) -> None:
        """Fills the rows that are free."""
        free = self._speaker.rows - len(self._saying) if self._speaker is not None else WINDOW["say"]
        taken, late = self._says.take(free, now)
        for key in late:
            self._refuse(key, TooLate(LATE))
        for key, say in taken.items():
            try:
                if self._speaker is None:
                    raise JudgementError("there is no language model: the rules decide")
                self._speaker.begin(key, say.ask)
                self._saying[key] = say.deadline
            except JudgementError as error:
                self._refuse(key, error)
            except Exception as error:  # noqa: BLE001 - of a model or its template
                self._refuse(key, JudgementError(f"the language model failed: {error!r}"))
            self._beat()  # the instructions of a task may just have been read

    def _cancel_late(self, key: int) -> None:
        if self._speaker is not None:
            self._speaker.stop(key)
        del self._saying[key]
        self._refuse(key, TooLate("its deadline was over before the model was through: the rules decide"))

    def _finish(self, key: int, outcome: Said | JudgementError, together: int) -> None:
        del self._saying[key]
        if isinstance(outcome, JudgementError):
            self._refuse(key, outcome)
            return
        header = {"id": key, "kind": "said", "batch": together} | asdict(outcome)
        self._channel.sendall(frames.pack(header))

    def _refuse(self, key: int, error: JudgementError) -> None:
        header = {"id": key, "kind": "refused", "error": type(error).__name__, "message": str(error)[:1_000]}
        self._channel.sendall(frames.pack(header))

    def _beat(self) -> None:
        if (now := time.monotonic()) >= self._beaten + BEAT_S:
            self._beaten = now
            self._channel.sendall(frames.pack({"kind": "beat", "resident_bytes": resident_bytes()}))


def batches(requests: Mapping[int, Rank]) -> Iterator[dict[int, Rank]]:
    """All in one forward, unless there is a list so long that the others would be filled up with too much."""
    batch: dict[int, Rank] = {}
    for key, request in sorted(requests.items(), key=lambda one: len(one[1].features)):
        if batch and (len(batch) + 1) * len(request.features) > CELLS:
            yield batch
            batch = {}
        batch[key] = request
    if batch:
        yield batch
