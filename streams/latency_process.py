"""The process that runs the statements of a log: `python -m streams.latency_process SOCKET FILE FOLDER`.

It says when it is ready, then answers one question after the other, and ends with the process that asks them. It is
one of its own since DuckDB cannot be interrupted while it plans a statement, and may end with one that it runs.
"""

import os
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

from pydantic import Field

from schemas.client.databases import name_of
from schemas.errors import NotMeasurable
from schemas.measure.files import Copies
from schemas.measure.gate import Gate
from schemas.measure.job import Exemplar, Limits
from schemas.measure.queries import Side, probe
from schemas.measure.sandbox import Sandbox
from schemas.records import WorkloadShape
from schemas.records.base import Part

READY = b"ready"


class Question(Part):
    shape: WorkloadShape
    exemplars: list[Exemplar] = Field(repr=False)
    limit_s: float


class Answer(Part):
    """What one run took, or the reason why there is none."""

    run_s: float = 0.0
    reason: str | None = None


def main(connection: Connection, file: Path, folder: Path) -> None:
    sandbox = Sandbox(
        file,
        name_of(str(file)),
        read_only=True,
        threads=os.cpu_count() or 1,
        memory_bytes=Limits().memory_bytes // 2,
        settings={},
        readable=[folder],
        scratch=folder,
    )
    side, gate, copies = Side(sandbox), Gate(sandbox), Copies(folder, Limits().file_bytes)
    questions: SimpleQueue[bytes] = SimpleQueue()
    Thread(target=_hear, args=(connection, questions.put), daemon=True).start()
    connection.send_bytes(READY)
    while True:
        question = Question.model_validate_json(questions.get())
        try:
            answer = Answer(run_s=probe(question.shape, question.exemplars, side, gate, copies, question.limit_s).run_s)
        except NotMeasurable as error:
            answer = Answer(reason=str(error))
        connection.send_bytes(answer.model_dump_json().encode())


def _hear(connection: Connection, put: Callable[[bytes], None]) -> None:
    """In a thread, so that the end of the one who asks is heard while a statement runs."""
    try:
        while True:
            put(connection.recv_bytes())
    except (EOFError, OSError):
        os._exit(1)


if __name__ == "__main__":
    main(Connection(int(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3]))
