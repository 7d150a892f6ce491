"""A data product in an environment that holds nothing but the client's wheel and a DuckDB: see test_client_wheel."""

import faulthandler
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import duckdb

import duckdb_sidecar
from duckdb_sidecar.actions import Rewrite, pack
from duckdb_sidecar.client.attached import Attached
from duckdb_sidecar.client.catalog import catalog_hash, place_of, structure
from duckdb_sidecar.client.clone import make_clone, plan_clone
from duckdb_sidecar.client.cloned import Cloned
from duckdb_sidecar.client.exemplars import Exemplars, private_folder, salt_of
from duckdb_sidecar.client.figures import with_figures
from duckdb_sidecar.client.files import Files
from duckdb_sidecar.client.live import LiveDatabase
from duckdb_sidecar.client.pace import Pace
from duckdb_sidecar.client.settings import ClientSettings
from duckdb_sidecar.client.slowness import Slowness
from duckdb_sidecar.codec import Codec
from duckdb_sidecar.errors import CloneError
from duckdb_sidecar.fingerprint import shape
from duckdb_sidecar.records import Candidate, MeasurementRequest, WorkloadShape

faulthandler.dump_traceback_later(100, exit=True)  # before it is killed without a word
FOLDER = Path(sys.argv[1])
TRANSFERS = "SELECT sum(amount) FROM transfer"
FIND = "SELECT count(*), max(note) FROM event WHERE strftime(day, '%Y-%m-%d') = ?"
FIND_BETTER = "SELECT count(*), max(note) FROM event WHERE day = CAST($1 AS DATE)"


def request(actions: list, affected: str, tables: list[str]) -> MeasurementRequest:
    now = datetime.now(UTC)
    packed = [pack(one) for one in actions]
    candidate = Candidate(
        candidate_id="c",
        rule="r",
        title="t",
        reason="r",
        actions=packed,
        affected=[shape(affected).id],
        equality="physical",
        equality_reason="the same rows",
    )
    workload = [
        WorkloadShape(
            fingerprint=shape(text).id,
            statement=shape(text).text,
            kind="select",
            count=1000,
            errors=0,
            rows=1000,
            total_us=10**8,
            p50_us=10**4,
            p95_us=10**5,
        )
        for text in (FIND, TRANSFERS)
    ]
    return MeasurementRequest(
        product="shop",
        database="shop",
        instance="",
        event_id=f"{datetime.now(UTC)}",
        time=now,
        analysis_id="a",
        revision=1,
        epoch=1,
        catalog_hash="",
        window_start=now - timedelta(hours=1),
        window_end=now,
        deadline=now + timedelta(minutes=5),
        budget_s=60.0,
        tables=tables,
        workload=workload,
        candidates=[candidate],
        refused=[],
    )


def measured(cloned: Cloned, action: Rewrite) -> dict:
    for _ in range(3):  # beside other work times may say nothing at first
        outcome = cloned.measure(request([action], FIND, ["event", "transfer"]))
        [result] = outcome.results
        if result.verdict == "gain":
            break
    return {
        "error": outcome.error,
        "clone": [outcome.machine.clone, outcome.machine.share, outcome.machine.clone_rows],
        "version": outcome.machine.duckdb_version,
        "verdict": result.verdict,
        "reason": result.reason,
        "equal": [query.equal for query in result.queries],
        "not_measurable": outcome.not_measurable,
    }


def clones_while_writing(connection: duckdb.DuckDBPyConnection, live: LiveDatabase, checkpoint: bool) -> dict:
    """Every transfer changes two accounts and is a row of a second table: a clone of one moment has both or none."""
    stop = Event()

    def write(worker: int) -> None:
        cursor, number = connection.cursor(), worker
        while not stop.is_set():
            number += 2
            source, target = number % 1000, (number + 2) % 1000
            cursor.execute("BEGIN")
            cursor.execute("UPDATE account SET balance = balance - 1 WHERE id = ?", [source])
            cursor.execute("UPDATE account SET balance = balance + 1 WHERE id = ?", [target])
            cursor.execute("INSERT INTO transfer VALUES (?, ?, 1)", [source, target])
            cursor.execute("COMMIT")
            if checkpoint and number % 20 == 0:
                with suppress(duckdb.Error):  # it cannot while the other one writes
                    cursor.execute("CHECKPOINT")

    writers = [Thread(target=write, args=[worker]) for worker in range(2)]
    for writer in writers:
        writer.start()
    balanced, refused, counts = True, [], []
    for number in range(4):
        file = FOLDER / f"clone-{checkpoint}-{number}.duckdb"
        try:
            clone(live, ["account", "transfer"], file)
        except CloneError as error:
            refused.append(str(error))
            continue
        with duckdb.connect(str(file)) as copy:
            wrong = copy.execute(
                "SELECT id FROM account WHERE balance <> 1000 "
                "- coalesce((SELECT sum(amount) FROM transfer WHERE source = id), 0) "
                "+ coalesce((SELECT sum(amount) FROM transfer WHERE target = id), 0)"
            ).fetchall()
            [(transfers,)] = copy.execute("SELECT sum(amount)::INTEGER FROM transfer").fetchall()
            balanced = balanced and not wrong
            counts.append(transfers)
    stop.set()
    for writer in writers:
        writer.join()
    return {"balanced": balanced, "refused": refused, "clones": len(counts), "grew": counts == sorted(set(counts))}


def clone(live: LiveDatabase, tables: list[str], file: Path, wanted: Callable[[], bool] = lambda: True) -> None:
    pace = Pace(ClientSettings(clone_free_bytes=0), FOLDER, Slowness(), Event(), wanted)
    with live.connection() as ours:
        make_clone(ours, plan_clone(ours, place_of(ours), tables, [], 10**10), file, pace)


def clones_beside_a_transaction(connection: duckdb.DuckDBPyConnection, live: LiveDatabase) -> str:
    """What another process reads in the clone while a transaction of the product, begun before it, is open."""
    cursor, file = connection.cursor(), FOLDER / "clone-beside.duckdb"
    cursor.execute("BEGIN")
    cursor.execute("SELECT count(*) FROM account").fetchall()
    clone(live, ["account"], file)
    count = "import duckdb, sys; print(duckdb.connect(sys.argv[1]).execute('SELECT count(*) FROM account').fetchall())"
    read = subprocess.run([sys.executable, "-c", count, str(file)], capture_output=True, text=True, timeout=60)
    cursor.execute("COMMIT")
    return read.stdout.strip() or read.stderr


def closes_while_cloning(connection: duckdb.DuckDBPyConnection, live: LiveDatabase) -> list[str]:
    """The product closes its connection in the midst of it, and opens the file otherwise."""
    copying, ended = Event(), []

    def wanted() -> bool:
        copying.set()
        return live.is_open()

    def work() -> None:
        try:
            clone(live, ["event"], FOLDER / "given-up.duckdb", wanted)
        except CloneError as error:
            ended.append(str(error))

    thread = Thread(target=work)
    thread.start()
    copying.wait(60)
    connection.close()
    duckdb.connect(str(FOLDER / "shop.duckdb"), read_only=True).close()
    thread.join(60)
    return ended


def main(whole: bool) -> dict:
    execute = duckdb.DuckDBPyConnection.execute
    duckdb_sidecar.instrument(product="shop", sink=FOLDER / "queries.jsonl")
    database = str(FOLDER / "shop.duckdb")
    connection = duckdb.connect(database)
    for statement in (
        "CREATE TABLE account (id INTEGER PRIMARY KEY, balance BIGINT NOT NULL)",
        "INSERT INTO account SELECT range, 1000 FROM range(1000)",
        "CREATE TABLE transfer (source INTEGER, target INTEGER, amount BIGINT)",
        "INSERT INTO transfer SELECT 0, 0, 0 FROM range(150_000)",
        "CREATE TABLE event AS SELECT DATE '2020-01-01' + (range % 1000)::INTEGER AS day, 'note ' || range AS note "
        "FROM range(600_000)",
        "CREATE INDEX event_note ON event (note)",
        "CHECKPOINT",
    ):
        connection.execute(statement)
    for number in range(6):
        day = date(2020, 1, 1) + timedelta(days=number)
        [(count, _)] = connection.execute(FIND, [str(day)]).fetchall()
        assert count == 600
    connection.execute(TRANSFERS).fetchall()
    assert duckdb_sidecar.flush(10.0)

    folder = private_folder("shop")
    exemplars = Exemplars(folder)
    settings = ClientSettings(clone_free_bytes=0)
    attached = Attached(
        "shop", "i", settings, folder, salt_of(folder), exemplars, Files(exemplars), list, Event(), Codec(), None
    )
    live = LiveDatabase(database)
    cloned = Cloned(attached, "shop", live, Slowness())
    with live.connection() as ours:
        place = place_of(ours)
        tables = structure(ours, place.database)
        figures = with_figures(ours, place, tables, 10.0)
    found = {
        "version": duckdb.__version__,
        "hash": catalog_hash(tables),
        "holds": {c.name: c.holds for table in figures if table.name == "event" for c in table.columns},
        "beside": clones_beside_a_transaction(connection, live),
    }
    if whole:
        found |= {
            "written": clones_while_writing(connection, live, checkpoint=False),
            "checkpointed": clones_while_writing(connection, live, checkpoint=True),
            "rewrite": measured(cloned, Rewrite(fingerprint=shape(FIND).id, statement=FIND_BETTER)),
            "left": sorted(str(one) for one in (folder / "clones").iterdir() if one.is_dir()),
        }
    attached_now = connection.execute("SELECT count(*) FROM duckdb_databases() WHERE NOT internal").fetchall()
    found |= {"attached": attached_now, "closed": closes_while_cloning(connection, live)}
    duckdb_sidecar.uninstrument()
    return found | {"put_back": duckdb.DuckDBPyConnection.execute is execute}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(whole="--brief" not in sys.argv)))
