"""B for one candidate: its actions carried out, open to be read, with what is rewritten or converted."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ..actions import ConvertFile
from ..errors import NotMeasurable
from ..render import convert_file
from .files import as_parquet
from .gate import Gate
from .plan import Plan
from .queries import Query, Side
from .session import Session
from .workbench import Built, discard


@dataclass(frozen=True, slots=True)
class Trial:
    after: Side
    built: Built


@contextmanager
def trial(session: Session, plan: Plan) -> Iterator[Trial]:
    """The files are removed afterwards, unless they were accepted. Raises NotMeasurable, CloneError."""
    before, queries = session.before, session.read_by(plan.candidate)
    built = Built(session.bench.file, 0.0, 0, 0)
    texts, files = {**before.texts, **plan.rewrites}, dict(before.files)
    for body in plan.conversions:
        built = _converted(body, session, queries)
        files[body.file] = str(built.file)
        for query in queries:
            text = texts.get(query.fingerprint, query.shape.statement)
            texts[query.fingerprint] = as_parquet(text, body.file)
    if not plan.in_database:
        yield Trial(_judged(session, Side(before.sandbox, texts, files), queries), built)
        return
    built = session.bench.build(plan.in_database, session.left_s)
    try:
        sandbox = session.bench.reading(built.file)
        try:
            yield Trial(_judged(session, Side(sandbox, texts, files), queries), built)
        finally:
            sandbox.close()
    finally:
        if session.bench.file != built.file:
            discard(built.file)


def _judged(session: Session, after: Side, queries: Sequence[Query]) -> Side:
    """Every statement that is not as it was goes through the gate."""
    gate = Gate(after.sandbox)
    for query in queries:
        for old, new in zip(query.statements(session.before), query.statements(after), strict=True):
            if old != new:
                with after.sandbox.limit(session.limit_s):
                    gate.reading(new)
    return after


def _converted(body: ConvertFile, session: Session, queries: Sequence[Query]) -> Built:
    source = next((query.copies[body.file] for query in queries if body.file in query.copies), None)
    if source is None:
        raise NotMeasurable("no query that reads the file can be measured")
    target = session.copies.for_parquet(source)
    begun = time.perf_counter()
    with session.before.sandbox.limit(session.left_s):
        session.before.sandbox.rows(convert_file(source, str(target), body.keys))
    size = os.path.getsize(target)
    return Built(target, time.perf_counter() - begun, size, size)
