"""Steps in a process of their own, so that no record stops the event loop.

Decoding a record of 900 KB holds the interpreter's lock for 200 ms, so a thread would not do. The process is also a
fence: a record that kills it, or is never done, becomes a dead letter, and the rest goes on. What steps ask is asked of
the parent, for all records that are there at once.
"""

import asyncio
import importlib
import os
import pickle
import select
import struct
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any, BinaryIO, cast

from schemas.codec import Codec
from schemas.errors import BrokerError, RecordError, SidecarError
from streams.agents.stepping import nobody, outcomes, refused
from streams.agents.steps import Input, Outcome, Question, Step, Told

LENGTH = struct.Struct(">Q")
CHUNK = 20
"""Records that go over at once: while some are at work, what came of others is on its way to Kafka."""
CHUNK_BYTES = 1024 * 1024
"""Of their values: copying them must not stop the loop either."""
PIPE_BUFFER = 1024 * 1024
DEADLINE_S = 60.0
"""For one record."""
STOP_S = 5.0

Answer = Callable[[Sequence[Question]], Awaitable[list[Told]]]
"""One for each question. Raises nothing."""


class Offload:
    """Where the steps of some agents run. `make_codec` and what the steps take and give are pickled."""

    def __init__(
        self,
        steps: Sequence[str],
        make_codec: Callable[[], Codec],
        answer: Answer | None = None,
        *,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        """`steps` are classes by their full names, made with a codec. Without `answer` nobody can tell."""
        self._steps = tuple(steps)
        self._order = pickle.dumps((self._steps, make_codec))
        self._answer = answer
        self._deadline_s = deadline_s
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()

    async def start(self) -> None:
        """Raises SidecarError where a step cannot be made."""
        async with self._lock:
            await self._started()

    async def run(self, step: str, records: Sequence[Input]) -> AsyncIterator[list[Outcome]]:
        """One outcome for each record, in their order, some at a time.

        Raises SidecarError for what is not a record's fault: no process, or a Schema Registry that does not answer.
        """
        for chunk in _chunks(records):
            async with self._lock:
                try:
                    outcomes = await self._ask(step, chunk)
                except ChildProcessError:
                    outcomes = [outcome for record in chunk for outcome in await self._ask_alone(step, record)]
            yield outcomes

    async def stop(self) -> None:
        if self._process and self._process.stdin and self._process.returncode is None:
            self._process.stdin.close()
            try:
                await asyncio.wait_for(self._process.wait(), STOP_S)
            except TimeoutError:
                await self._kill()

    async def _ask_alone(self, step: str, record: Input) -> list[Outcome]:
        try:
            return await self._ask(step, [record])
        except ChildProcessError as reason:
            return await self._ask(step, [record], RecordError(f"the process that read it {reason}"))

    async def _ask(self, step: str, records: list[Input], refusal: RecordError | None = None) -> list[Outcome]:
        process = await self._started()
        try:
            async with asyncio.timeout(self._deadline_s * len(records)):
                answer = await _exchange(process, pickle.dumps((step, records, refusal)))
                while isinstance(answer, tuple):  # questions, before it goes on
                    told = await self._answer(answer) if self._answer else nobody(answer)
                    answer = await _exchange(process, pickle.dumps(told))
        except TimeoutError:
            await self._kill()
            raise ChildProcessError(f"was not done after {self._deadline_s:g} s a record") from None
        except (OSError, EOFError):
            raise ChildProcessError(await self._end(process)) from None
        except asyncio.CancelledError:
            await self._kill()  # or its answer would be taken for the next one's
            raise
        if isinstance(answer, BrokerError):
            raise answer
        return cast(list[Outcome], answer)

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", __name__),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                start_new_session=True,  # Ctrl-C is for us alone
                limit=PIPE_BUFFER,
            )
            try:
                await _exchange(self._process, self._order)
            except (OSError, EOFError):
                end = await self._end(self._process)
                raise SidecarError(
                    f"the process for {', '.join(self._steps)} {end} at its start: see the log"
                ) from None
        return self._process

    async def _end(self, process: asyncio.subprocess.Process) -> str:
        code = await process.wait()
        return f"ended by signal {-code}" if code < 0 else f"ended with code {code}"

    async def _kill(self) -> None:
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


async def _exchange(process: asyncio.subprocess.Process, question: bytes) -> object:
    questions, answers = cast(asyncio.StreamWriter, process.stdin), cast(asyncio.StreamReader, process.stdout)
    questions.write(LENGTH.pack(len(question)))
    questions.write(question)
    await questions.drain()
    (length,) = LENGTH.unpack(await answers.readexactly(LENGTH.size))
    return pickle.loads(await answers.readexactly(length))  # noqa: S301 - from our own child


def _chunks(records: Sequence[Input]) -> Iterator[list[Input]]:
    chunk: list[Input] = []
    size = 0
    for record in records:
        if len(chunk) == CHUNK or (chunk and size + len(record.value or b"") > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(record)
        size += len(record.value or b"")
    if chunk:
        yield chunk


# in the child


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answers until the parent closes its end, or dies."""
    threading.Thread(target=_end_with_parent, args=(questions.fileno(),), daemon=True).start()
    names, make_codec = _next(questions)
    codec = make_codec()
    steps: dict[str, Step] = {}
    for path in names:
        module, _, name = path.rpartition(".")
        step = getattr(importlib.import_module(module), name)(codec)
        steps[step.name] = step
    _answer(answers, sorted(steps))

    def ask(asked: Sequence[Question]) -> list[Told]:
        _answer(answers, tuple(asked))
        return cast(list[Told], _next(questions))

    while True:
        name, records, refusal = _next(questions)
        step = steps[name]
        try:
            if refusal:
                _answer(answers, [refused(step, record, refusal, codec) for record in records])
            else:
                _answer(answers, outcomes(step, records, codec, ask))
        except BrokerError as error:
            _answer(answers, BrokerError(str(error)))


def _next(questions: BinaryIO) -> Any:
    header = questions.read(LENGTH.size)
    if len(header) < LENGTH.size:
        sys.exit(0)
    (length,) = LENGTH.unpack(header)
    return pickle.loads(questions.read(length))  # noqa: S301 - from our own parent


def _answer(answers: BinaryIO, what: object) -> None:
    answer = pickle.dumps(what)
    answers.write(LENGTH.pack(len(answer)))
    answers.write(answer)
    answers.flush()


def _end_with_parent(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLHUP)
    poll.poll()
    os._exit(0)  # a step may be at work, perhaps for ever; nobody waits for it


if __name__ == "__main__":
    # what a library prints must not get between the answers
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)
