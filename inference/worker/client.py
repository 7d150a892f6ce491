"""Asks the worker, and keeps one: it is started again after its end, and swapped for one with other models.

A request is answered, or refused by name: too late, too many, too large, a worker that was lost twice with it. While
there is no worker requests wait for the next one as long as their deadline lets them.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Self

import schemas.errors
from schemas.errors import JudgementError, ModelError, TooLate, WorkerLost

from ..judgement.features import Features
from ..judgement.judged import Judgement
from ..language import asks
from ..language.asks import Ask, Reply
from . import frames
from .answered_by import AnsweredBy
from .figures import Figures
from .life import COMMAND, Life, Limits, Models, Why
from .requests import WINDOW, Rank, Request, Say, checked, ranking_of
from .responses import Responses, key_of
from .waiting import Priority, Waiting

ATTEMPTS = 2
"""A request that was with a worker when it was lost is given to the next one, and that is all: it may be the cause."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 30.0
WELL_S = 30.0
"""A worker that lived so long is started again without more pause than the first."""

logger = logging.getLogger("sidecar.worker")


@dataclass(slots=True, eq=False)
class _Pending:
    request: Request
    frame: bytes
    answer: "asyncio.Future[tuple[AnsweredBy, frames.Header, bytes]]"
    attempts: int = 0

    @property
    def priority(self) -> Priority:
        return self.request.priority

    @property
    def deadline(self) -> float:
        return self.request.deadline


@dataclass(slots=True, eq=False)
class _Flight:
    """What is with a life and not answered yet."""

    pending: dict[int, _Pending] = field(default_factory=dict)

    def free(self, kind: str) -> int:
        """How many more the worker may have."""
        return WINDOW[kind] - sum(one.request.kind == kind for one in self.pending.values())


class Worker:
    """To be used within one event loop: `async with Worker(models) as worker`."""

    def __init__(self, models: Models, limits: Limits | None = None, command: Sequence[str] = COMMAND) -> None:
        self._models = models
        self._limits = limits or Limits()
        self._command = command
        self._figures = Figures()
        self._keys = count(1)
        self._waiting: dict[str, Waiting[_Pending]] = {kind: Waiting(self._limits.waiting) for kind in WINDOW}
        self._flights: dict[Life, _Flight] = {}
        self._rankings: Responses[Judgement] = Responses(self._limits.cache_bytes)
        self._replies: Responses[Reply] = Responses(self._limits.cache_bytes)
        self._life: Life | None = None
        self._by: dict[str, AnsweredBy] = {}
        self._changing = asyncio.Lock()
        self._restarting: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._lost = "it has not been started"
        self._back_at = float("inf")
        self._pause_s = FIRST_PAUSE_S
        self._born = 0.0
        self._is_closed = False

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Raises ModelError, and WorkerLost where there is no process to be had."""
        async with self._changing:
            await self._begin(self._models)

    async def close(self) -> None:
        self._is_closed = True
        self._lose("it is being stopped", back_at=float("inf"))
        if self._restarting:
            self._restarting.cancel()
            await asyncio.gather(self._restarting, return_exceptions=True)
        await asyncio.gather(*(life.close() for life in list(self._flights)), *self._retiring)

    async def swap(self, models: Models) -> None:
        """Loads them in a process beside, which is asked from then on; the old one ends after what it was asked.

        Raises ModelError where they do not load, WorkerLost where the process ends over it; the old ones go on.
        """
        async with self._changing:
            old = self._life
            await self._begin(models)
            self._figures.swaps += 1
            if old in self._flights:  # it may have been lost meanwhile
                self._retire(old)

    async def rank(self, features: Features, *, within_s: float, priority: Priority = Priority.AGENTS) -> Judgement:
        """Of a list of candidates, each against doing nothing. Raises JudgementError: the rules decide."""
        begun = time.monotonic()
        with self._figures.request("rank"):
            rank = Rank(priority, begun + within_s, checked(features))
            if found := self._rankings.get(self._key(rank)):
                self._figures.hit("rank", time.monotonic() - begun)
                return found
            by, header, body = await self._ask(rank)
            judgement = Judgement(by.model, by.version, ranking_of(body, len(rank.features)))
            self._rankings.put(key_of(by, rank.asked()), judgement, len(body))
            self._figures.answer("rank", time.monotonic() - begun, header["batch"])
            return judgement

    async def say(self, ask: Ask, *, within_s: float, priority: Priority = Priority.AGENTS) -> Reply:
        """Raises JudgementError: the rules decide."""
        begun = time.monotonic()
        with self._figures.request("say"):
            say = Say(priority, begun + within_s, ask)
            if found := self._replies.get(self._key(say)):
                self._figures.hit("say", time.monotonic() - begun)
                return replace(found, is_cached=True)
            by, header, _ = await self._ask(say)
            reply = Reply(asks.read(ask, header["text"]), by, header["tokens"], header["probability"])
            self._replies.put(key_of(by, say.asked()), reply, 2 * len(header["text"]))
            self._figures.answer("say", time.monotonic() - begun, header["batch"], header["tokens"])
            return reply

    @property
    def figures(self) -> Figures:
        now = self._figures
        now.waiting = sum(map(len, self._waiting.values()))
        now.in_flight = sum(len(flight.pending) for flight in self._flights.values())
        now.resident_bytes = self._life.resident_bytes if self._life else 0
        now.cache_bytes = self._rankings.bytes + self._replies.bytes
        return now

    @property
    def backend(self) -> str:
        """What computes: `mlx-cpu`, `mlx-metal`, `mlx-cuda`; empty while there is none."""
        return str(self._life.hello["backend"]) if self._life else ""

    @property
    def blas(self) -> str | None:
        """Where its matrix products come from; None is slow, or not there."""
        return self._life.hello["blas"] if self._life else None

    @property
    def pid(self) -> int:
        """0 while there is none."""
        return self._life.pid if self._life else 0

    def _key(self, request: Request) -> bytes:
        return key_of(self._by[request.kind], request.asked()) if request.kind in self._by else b""

    async def _ask(self, request: Request) -> tuple[AnsweredBy, frames.Header, bytes]:
        key = next(self._keys)
        frame = request.frame(key)
        loop = asyncio.get_running_loop()
        if (left_s := request.deadline - time.monotonic()) <= 0:
            raise TooLate("its deadline was over when it was asked: the rules decide")
        if self._life is None and request.deadline <= self._back_at:
            raise WorkerLost(f"there is no worker until the deadline ({self._lost}): the rules decide")
        pending = _Pending(request, frame, loop.create_future())
        self._waiting[request.kind].add(key, pending)
        self._send()
        try:
            async with asyncio.timeout(left_s):
                return await pending.answer
        except TimeoutError:
            if self._life is None:
                raise WorkerLost(f"no worker came back in time ({self._lost}): the rules decide") from None
            raise TooLate(f"not answered within {left_s:.3g} s: the rules decide") from None
        finally:
            self._waiting[request.kind].drop(key)
            for life, flight in self._flights.items():
                if key in flight.pending:
                    life.send(frames.pack({"id": key, "kind": "cancel"}))

    def _send(self) -> None:
        """As much as the worker batches from."""
        if (life := self._life) is None:
            return
        flight = self._flights[life]
        for kind, waiting in self._waiting.items():
            taken, late = waiting.take(flight.free(kind), time.monotonic())
            for pending in late.values():
                _refuse(pending, TooLate("its deadline was over before a model was free: the rules decide"))
            for key, pending in taken.items():
                pending.attempts += 1
                flight.pending[key] = pending
                life.send(pending.frame)

    def heard(self, life: Life, header: frames.Header, body: bytes) -> None:
        flight = self._flights[life]
        pending = flight.pending.pop(header["id"], None)
        if pending and header["kind"] == "refused":
            _refuse(pending, getattr(schemas.errors, header["error"])(header["message"]))
        elif pending and not pending.answer.done():
            pending.answer.set_result((_by(life, pending.request.kind), header, body))
        if life is self._life:
            self._send()
        elif not flight.pending:
            self._retire(life)

    def ended(self, life: Life, why: Why, told: str) -> None:
        flight = self._flights.pop(life)
        if life is self._life:
            self._life = None
            if not self._is_closed:
                self._figures.restarts[why] += 1
                is_well = time.monotonic() - self._born > WELL_S
                self._pause_s = FIRST_PAUSE_S if is_well else min(2 * self._pause_s, LONGEST_PAUSE_S)
                logger.warning("the worker was lost (%s) and is started again in %.1f s", told, self._pause_s)
                self._lose(told, back_at=time.monotonic() + self._pause_s)
                self._restarting = asyncio.create_task(self._restart())
        for key, pending in flight.pending.items():
            if pending.answer.done():
                continue
            if pending.attempts >= ATTEMPTS or self._is_closed:
                _refuse(pending, WorkerLost(f"the worker was lost with it ({told}): the rules decide"))
                continue
            try:
                self._waiting[pending.request.kind].add(key, pending)
            except JudgementError as error:
                _refuse(pending, error)
        self._send()

    async def _restart(self) -> None:
        while self._life is None and not self._is_closed:
            await asyncio.sleep(max(0.0, self._back_at - time.monotonic()))
            async with self._changing:
                if self._life or self._is_closed:
                    return
                try:
                    await self._begin(self._models)
                except (ModelError, WorkerLost) as error:
                    self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
                    logger.warning("no worker: %s; tried again in %.1f s", error, self._pause_s)
                    self._lose(str(error), back_at=time.monotonic() + self._pause_s)

    async def _begin(self, models: Models) -> None:
        life = Life(models, self._limits, self._command, self)
        self._flights[life] = _Flight()
        try:
            await life.start()
        except BaseException:
            del self._flights[life]
            raise
        self._models, self._life, self._born = models, life, time.monotonic()
        self._by = {kind: _by(life, kind) for kind in WINDOW}
        self._send()

    def _lose(self, why: str, back_at: float) -> None:
        """Those whose deadline is before a next worker could be there are told now."""
        self._lost, self._back_at = why, back_at
        for waiting in self._waiting.values():
            for pending in waiting.due(back_at):
                _refuse(pending, WorkerLost(f"there is no worker until the deadline ({why}): the rules decide"))

    def _retire(self, life: Life) -> None:
        """Once it has answered what it was asked."""
        if not self._flights[life].pending:
            task = asyncio.create_task(life.close())
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)


def _by(life: Life, kind: str) -> AnsweredBy:
    named = life.hello["ranker" if kind == "rank" else "speaker"]
    return AnsweredBy(life.hello["backend"], *(named or ("none", "")))


def _refuse(pending: _Pending, error: Exception) -> None:
    if not pending.answer.done():
        pending.answer.set_exception(error)
