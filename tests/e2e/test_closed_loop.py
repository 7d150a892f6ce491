"""Approved, carried out in a product that works, and taken back: over a real Kafka, by its own process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from duckdb import DuckDBPyConnection

from schemas.actions import CreateIndex, pack
from schemas.plan import plan_hash, steps
from schemas.records import Limits
from schemas.render import by_name
from schemas.topics import SUGGESTIONS
from store import catalogs, operations, suggestions
from streams.access.signing import create
from streams.api_client import ApiClient
from streams.web.resources import AnswerShown, OperationShown
from tests.access import COST, Team
from tests.api_serving import api_of
from tests.conftest import Kafka
from tests.control_running import Topics, running
from tests.store_records import suggestion

INDEX = CreateIndex(table="visits", name="visits_page", columns=["page"])
ROWS = 200_000


@contextmanager
def product(file: Path, topics: Topics, keys: Path) -> Iterator[subprocess.Popen[str]]:
    environment = {
        **os.environ, "XDG_STATE_HOME": str(file.parent / "state"), "DUCKDB_SIDECAR_OPERATION_KEYS": str(keys),
        "DUCKDB_SIDECAR_KAFKA_BOOTSTRAP_SERVERS": topics.config["bootstrap.servers"],
        "DUCKDB_SIDECAR_TOPIC_PREFIX": topics.prefix, "DUCKDB_SIDECAR_GROUP_PREFIX": topics.prefix,
        "DUCKDB_SIDECAR_OPERATE_FREE_BYTES": "0", "DUCKDB_SIDECAR_MEASURE": "false",
    }  # fmt: skip
    with subprocess.Popen(
        [sys.executable, Path(__file__).with_name("loop_product.py"), file], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True, env=environment,
    ) as process:  # fmt: skip
        try:
            assert process.stdout
            assert process.stdout.readline() == "at work\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "shop.duckdb"
    with duckdb.connect(made) as connection:
        connection.execute("CREATE TABLE visits(id BIGINT, page VARCHAR)")
        connection.execute(f"INSERT INTO visits SELECT range, 'p' || range % 1000 FROM range({ROWS})")
    return made


def test_an_approved_change_is_made_while_the_product_works_and_taken_back_by_name(
    kafka: Kafka, topic_prefix: str, file: Path, tmp_path: Path
) -> None:
    topics = Topics(kafka.bootstrap_servers, topic_prefix)
    topics.create()
    team = Team(tmp_path)
    key = create(tmp_path / "order.json", "sidecar", "control")
    (tmp_path / "orders.jwks").write_text(json.dumps({"keys": [key.public]}))
    settings = topics.settings(tmp_path / "store.duckdb", policy=team.file, operation_key=tmp_path / "order.json")
    with (
        running(settings, clock=lambda: datetime.now(UTC)) as control,
        api_of(control, topics, tmp_path / "data") as url,
        product(file, topics, tmp_path / "orders.jwks") as process,
    ):

        def indexed(tx: DuckDBPyConnection) -> bool | None:
            found = catalogs.newest(tx, "sales", "shop")
            return None if found is None else bool(found.tables[0].indexes)

        control.until(lambda tx: indexed(tx) is False)
        with control.control.reading() as tx:
            catalog = catalogs.newest(tx, "sales", "shop")
        assert catalog
        limits = Limits(build_s=60, extra_bytes=0, peak_bytes=0)
        planned, _ = steps([pack(INDEX)], by_name(catalog.tables), limits)
        one = suggestion(
            database="shop", steps=planned, plan_hash=plan_hash(planned), cost=COST, time=datetime.now(UTC)
        )  # fmt: skip
        topics.send(SUGGESTIONS, one)
        control.until(lambda tx: suggestions.newest(tx, one.suggestion_id))
        api = ApiClient(url, tmp_path / "data" / "api-key")
        ruling = api.decide(api.suggestion(one.suggestion_id).suggestion, "approve", team.people["bob"])
        assert ruling
        assert ruling.verdict == "complete"
        done = control.until(lambda tx: [told for told in operations.listed(tx) if told.state == "done"])[0]
        assert (done.kind, done.suggestion_id, done.instance) == ("apply", one.suggestion_id, catalog.instance)
        control.until(indexed)

        (outcome,) = api.operations()
        assert (outcome.operation_id, outcome.state) == (done.operation_id, "done")
        back = api.take_back(api.operation(done.operation_id[:8]))
        assert isinstance(back, OperationShown)
        assert (back.state, back.kind) == ("done", "revert")
        control.until(lambda tx: indexed(tx) is False)
        refused = api.take_back(outcome)
        assert isinstance(refused, AnswerShown)
        assert refused.reason == (
            f"operation {done.operation_id} was taken back, or more was done after it: take back that first"
        )
        said, _ = process.communicate(timeout=60)
    told = json.loads(said)
    assert (told["failures"], told["indexes"]) == ([], [])
    assert told["rows"] == ROWS + told["written"]
    assert told["written"] > 10
