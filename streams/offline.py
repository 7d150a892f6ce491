"""An analysis without Kafka: a database file and a log of its queries in, measured suggestions out.

The steps are those of the agents and of the client beside a product, one after the other. The file is only read: what
is tried is tried on a clone, by a child process. The clone and the literals of the log lie in a temporary folder of
this user's alone, and go with it at the end.
"""

import getpass
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Signal
from uuid import uuid4

import duckdb

from inference.advisor.workload import WRITES, Workload
from schemas.client import sink
from schemas.client.attached import Local
from schemas.client.cloned import Cloned
from schemas.client.databases import name_of
from schemas.client.exemplars import Exemplars, private_folder
from schemas.client.files import Files
from schemas.client.live import SnapshotFile
from schemas.client.reports import snapshot_of
from schemas.client.sealed import seal_of
from schemas.client.settings import client_settings
from schemas.client.slowness import Slowness
from schemas.codec import Codec
from schemas.errors import CloneError, InputError
from schemas.fingerprint import Shape
from schemas.ids import following_id
from schemas.records import AnalysisRequest, Measurement, MeasurementRequest, Record, Suggestion, WorkloadShape
from schemas.topics import ANALYSIS_REQUESTS, MEASUREMENTS, Topic, key_of
from store.knowledge import is_taken
from streams import query_file
from streams.agents.advise import Advise
from streams.agents.conclude import Conclude
from streams.agents.stepping import Answer, nobody, outcome
from streams.agents.steps import INSTANCE, Input, Step
from streams.ending import ended_by_signals
from streams.latencies import with_latencies
from streams.query_file import QueryFile
from streams.scheduling import AnalysisRules
from streams.seen import Progress, Seen
from streams.usage import of_log

LATENCIES_SHARE = 0.25
"""Of the budget, for latencies that the log does not tell."""
CODEC = Codec()


def analyze(
    file: Path, queries: Path, budget_s: float, progress: Progress, text: str = "", answer: Answer = nobody
) -> Seen:
    """`text` is what it is about, in words; `answer` reads it, and says what is tried first (`streams.judges`).

    Raises InputError where the file or the log is none, SettingsError, CloneError where nothing can be measured. To be
    called in the main thread, since Ctrl-C, SIGTERM and SIGHUP shall end it with nothing left behind.
    """
    opened(file).close()
    database = name_of(str(file))
    progress(f"reading {queries}")
    log = query_file.read(queries, key_of(database, database))
    progress(f"{_count(log.runs, 'run')} of {_count(len(log.workload), 'shape')}")
    stop = Signal()
    with ended_by_signals(stop), tempfile.TemporaryDirectory(prefix="duckdb-sidecar-analyze-") as temporary:
        local = _local(log.product or database, log, Path(temporary) / "local", stop, progress)
        request = _request(local, database, file, log, budget_s, progress).model_copy(update={"text": text})
        seen = Seen(runs=log.runs, shapes={shape.fingerprint for shape in log.workload})
        advised = _outputs(Advise(CODEC), ANALYSIS_REQUESTS, request, answer)
        if isinstance(advised[0], MeasurementRequest):
            seen.asked = advised[0]
            seen.measured = _measured(local, seen.asked, SnapshotFile(file), progress)
            progress(f"concluding from what was measured in {seen.measured.measured_s:.0f} s")
            advised = _outputs(Conclude(CODEC), MEASUREMENTS, seen.measured, nobody)
        seen.suggestions = {one.position: one for one in advised if isinstance(one, Suggestion)}
    return seen


def opened(file: Path) -> duckdb.DuckDBPyConnection:
    """To read. Raises InputError."""
    if not file.is_file():
        raise InputError(f"there is no file {file}: name the DuckDB database to analyse")
    try:
        return duckdb.connect(file, read_only=True)
    except duckdb.Error as error:
        if is_taken(error):
            raise InputError(
                f"another process has {file} open, and DuckDB lets no second one in: stop that one, or analyse a copy "
                f"that it makes (COPY FROM DATABASE), or attach the client to it and use --product ({error})"
            ) from error
        raise InputError(f"{file} cannot be opened as a DuckDB database: {error}") from error


def _local(product: str, log: QueryFile, folder: Path, stop: Signal, progress: Progress) -> Local:
    """The exemplars are those of the log, or for stripped statements those that the product's client kept here."""
    exemplars, theirs = Exemplars(folder), private_folder(product)
    kept, without = Exemplars(theirs, seal_of(client_settings().exemplar_key_file)), 0
    for of in sorted(log.workload, key=_weight):  # those put first go where there are too many
        found = log.exemplars[of.fingerprint] or [
            Shape(of.fingerprint, of.statement, literals, of.kind, tuple(files.items()))
            for literals, files in kept.get(of.fingerprint)
        ]
        without += not found
        for one in found:
            if (slot := exemplars.slot(of.fingerprint)) is not None:
                exemplars.put(slot, one)
    exemplars.save(final=True)
    if without:
        progress(f"no values to measure with for {_count(without, 'shape')}: none in the log, and none in {theirs}")
    files = Files(exemplars)
    files.hear(sink.Batch(product, "", INSTANCE, 0, [_event(of) for of in log.workload]))
    return Local(product, INSTANCE, client_settings(), folder, b"", exemplars, files, list, stop)


def _weight(of: WorkloadShape) -> tuple[int, int]:
    return of.total_us, of.count


def _event(of: WorkloadShape) -> sink.Event:
    statement = sink.Statement(of.fingerprint, of.statement, of.kind)
    return sink.Event(statement, 0, of.p50_us, None, None, None, None)


def _request(
    local: Local, database: str, file: Path, log: QueryFile, budget_s: float, progress: Progress
) -> AnalysisRequest:
    """As the control process makes it of what it has seen."""
    progress(f"reading the catalog of {file}")
    catalog = snapshot_of(local, database, SnapshotFile(file), instances=1, in_place=False)
    use = of_log(catalog, log.workload, log.start, log.end, log.dropped)
    now = datetime.now(UTC)
    request = AnalysisRequest(
        product=local.product,
        database=database,
        instance=INSTANCE,
        event_id=str(uuid4()),
        time=now,
        analysis_id=str(uuid4()),
        revision=1,
        epoch=0,
        reason=f"asked for by {getpass.getuser()}",
        catalog=catalog,
        window_start=log.start,
        window_end=log.end,
        budget_s=budget_s,
        workload=log.workload,
        usage=use.beside(log.workload),
    )
    workload = Workload(request)
    if not workload.queries:
        reason = workload.unreadable[log.workload[0].fingerprint]
        raise InputError(f"no statement of the log can be read against {file}: the most frequent because {reason}")
    readable = {query.shape.fingerprint for query in workload.queries}
    untold = [one for one in log.workload if one.fingerprint in readable and not one.total_us]
    if untold:
        progress(f"running what the log tells no latency of: {_count(len(untold), 'statement')}")
        told, failed = with_latencies(untold, local, file, local.folder / "run", budget_s * LATENCIES_SHARE)
        for statement, reason in failed.items():
            progress(f"not run: {' '.join(statement.split())[:80]}: {reason}")
        by_id = {one.fingerprint: one for one in (*log.workload, *told)}
        request = request.model_copy(update={"workload": list(by_id.values())})
    top = _top(request.workload)
    return request.model_copy(update={"workload": top, "usage": use.beside(top)})


def _top(workload: Iterable[WorkloadShape]) -> list[WorkloadShape]:
    """As many as an analysis takes from the store: of those that write, and of the others."""
    ordered = sorted(workload, key=lambda one: (-one.total_us, one.fingerprint))
    writes = [one for one in ordered if one.kind in WRITES][: AnalysisRules().shapes]
    others = [one for one in ordered if one.kind not in WRITES][: AnalysisRules().shapes]
    return writes + others


def _measured(local: Local, request: MeasurementRequest, live: SnapshotFile, progress: Progress) -> Measurement:
    progress(f"measuring {_count(len(request.candidates), 'candidate')} on a clone, {request.budget_s:.0f} s at most")
    try:
        outcome = Cloned(local, request.database, live, Slowness()).measure(request)
    except OSError as error:
        raise CloneError(f"no clone could be made ({error.strerror}): look at the disk of {local.folder}") from error
    return Measurement(
        product=request.product,
        database=request.database,
        instance=INSTANCE,
        event_id=following_id(request.event_id, "measure/1"),
        time=datetime.now(UTC),
        request=request,
        **dict(outcome),
    )


def _outputs(step: Step, topic: Topic, record: Record, answer: Answer) -> list[Record]:
    """What the agent makes of the record."""
    now_ms = int(record.time.timestamp() * 1000)
    came = Input(topic.name, record.event_id, 0, 0, now_ms, None, CODEC.encode(record))
    return [CODEC.decode(output.value) for output in outcome(step, came, answer).outputs]


def _count(count: int, word: str) -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"
