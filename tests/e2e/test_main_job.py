"""The whole way on a real broker: a product's queries in, a measured suggestion out, read by an outside consumer."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from schemas.actions import unpack
from schemas.plan import plan_hash
from schemas.records import Suggestion
from streams.connections import confluent_config
from streams.demo.process import Process
from streams.demo.watch import Watch
from streams.seen import Seen
from streams.settings import Settings
from streams.topic_admin import TopicAdmin
from tests.conftest import Kafka

pytestmark = pytest.mark.alone

PATIENCE_S = 120

PRODUCT = """
import sys, threading
import duckdb, duckdb_sidecar
duckdb_sidecar.instrument(product="sales")
connection = duckdb.connect(sys.argv[1] + "/sales.duckdb")
connection.execute('''
    CREATE TABLE visits AS
    SELECT range AS id, (hash(range) % 1000)::INTEGER AS shop,
           DATE '2020-01-01' + (hash(range + 7) % 1500)::INTEGER AS day,
           (hash(range + 1) % 10000)::INTEGER AS cents, 'visit ' || range AS note
    FROM range(3_000_000)
''')
done = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), done.set()), daemon=True).start()
n = 0
while not done.wait(0.01):
    n += 1
    connection.execute("SELECT shop, sum(cents) FROM visits WHERE day BETWEEN DATE '2021-01-01' + ? AND "
                       "DATE '2021-01-03' + ? GROUP BY shop ORDER BY shop", [n % 700, n % 700]).fetchall()
    connection.execute("SELECT note FROM visits WHERE id = ?", [n * 7 % 3_000_000]).fetchall()
    connection.execute("INSERT INTO visits VALUES (?, 1, DATE '2024-01-01', 5, 'secret-canary')", [3_000_000 + n])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("main-job")


@pytest.fixture(scope="module")
def seen(kafka: Kafka, folder: Path) -> Iterator[Seen]:
    """What an outside consumer has read when the first analysis is through."""
    prefix = f"main-job-{time.time_ns()}."
    script = folder / "product.py"
    script.write_text(PRODUCT)
    settings = Settings(bootstrap_servers=kafka.bootstrap_servers, topic_prefix=prefix, data_folder=folder / "sidecar")
    TopicAdmin(confluent_config(settings), prefix, settings.group_prefix).create()
    environment = {
        "SIDECAR_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "SIDECAR_TOPIC_PREFIX": prefix,
        "SIDECAR_GROUP_PREFIX": prefix,
        "SIDECAR_DATA_FOLDER": str(folder / "sidecar"),
        "SIDECAR_HTTP_PORT": "0",
        "SIDECAR_ANALYSIS_MIN_RUNS": "60",
        "SIDECAR_ANALYSIS_BUDGET_S": "20",
    }
    script_of = [sys.executable, str(script), str(folder)]
    product = {
        "DUCKDB_SIDECAR_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "DUCKDB_SIDECAR_TOPIC_PREFIX": prefix,
        "DUCKDB_SIDECAR_GROUP_PREFIX": prefix,
        "XDG_STATE_HOME": str(folder / "state"),
    }
    with (
        Process("product", script_of, folder / "product.log", product) as running_product,
        Process(
            "sidecar", [sys.executable, "-m", "streams.cli", "run"], folder / "sidecar.log", environment
        ) as sidecar,
        closing(Watch(kafka.bootstrap_servers, prefix)) as watch,
    ):
        seen = Seen()
        deadline = time.monotonic() + PATIENCE_S
        while not seen.complete and time.monotonic() < deadline:
            running_product.check()
            sidecar.check()
            watch.update(seen, 0.5)
        assert seen.complete, (seen.counts(), (folder / "sidecar.log").read_text()[-3000:],
                               (folder / "product.log").read_text()[-3000:])  # fmt: skip
        yield seen


def change_on(seen: Seen, column: str) -> Suggestion:
    return next(
        one
        for one in seen.suggestions.values()
        if one.kind == "change" and any(column in unpack(step.action).model_dump_json() for step in one.steps)
    )


def test_a_scattered_range_filter_ends_as_a_measured_suggestion(seen: Seen) -> None:
    suggestion = change_on(seen, "day")
    assert suggestion.product == "sales"
    assert suggestion.gain is not None
    assert suggestion.gain.low > 1
    assert suggestion.gain.k >= 8
    assert suggestion.gain.low <= suggestion.gain.speedup <= suggestion.gain.high
    assert suggestion.plan_hash == plan_hash(suggestion.steps)
    assert all(step.sql for step in suggestion.steps)
    assert suggestion.cost is not None
    assert suggestion.cost.build_s > 0


def test_a_person_on_the_same_machine_is_answered_without_a_password(seen: Seen, folder: Path) -> None:
    (port,) = re.findall(r"http=http://127\.0\.0\.1:(\d+)", (folder / "sidecar.log").read_text())
    environment = {**os.environ, "SIDECAR_DATA_FOLDER": "sidecar", "SIDECAR_HTTP_PORT": port, "COLUMNS": "250"}
    listed = subprocess.run(
        [sys.executable, "-m", "streams.cli", "suggestions"], cwd=folder, env=environment, capture_output=True,
        text=True, check=True,
    ).stdout  # fmt: skip
    changes = [one.suggestion_id[:13] for one in seen.suggestions.values() if one.kind == "change"]
    assert [one in listed for one in changes] == [True] * len(changes)
    assert listed.startswith("no change is suggested\n") == (not changes)


def test_every_suggestion_can_be_shown_without_asking_for_more(seen: Seen) -> None:
    for suggestion in seen.suggestions.values():
        if suggestion.kind == "change":
            assert {query.fingerprint for query in suggestion.queries} <= set(suggestion.statements)


def test_every_suggestion_tells_when_its_clone_was_made_and_when_it_was_gone(seen: Seen) -> None:
    for suggestion in seen.suggestions.values():
        machine = suggestion.machine
        assert machine.clone_bytes > 0
        assert machine.clone_made is not None
        assert machine.clone_deleted is not None
        assert suggestion.window_end < machine.clone_made < machine.clone_deleted <= suggestion.time


def test_no_literal_of_the_product_is_in_anything_that_was_sent(seen: Seen) -> None:
    assert seen.asked is not None
    assert seen.measured is not None
    sent = seen.asked.model_dump_json() + seen.measured.model_dump_json()
    sent += "".join(one.model_dump_json() for one in seen.suggestions.values())
    assert "INSERT INTO visits" in sent
    assert "secret-canary" not in sent


def test_nothing_was_unreadable(seen: Seen) -> None:
    assert seen.dead_letters == 0
