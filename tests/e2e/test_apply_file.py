"""What is approved for a file that nobody has open is carried out by `sidecar apply`, over a real Kafka."""

import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from duckdb import DuckDBPyConnection

from schemas.actions import CreateIndex, pack
from schemas.client.catalog import place_of, structure
from schemas.errors import InputError, SettingsError
from schemas.plan import plan_hash, steps
from schemas.records import Limits
from schemas.render import by_name
from schemas.topics import SUGGESTIONS
from store import catalogs, operations, suggestions
from streams import closed_file
from streams.access.signing import create
from streams.api_client import ApiClient
from streams.settings import Settings
from tests.access import COST, Team
from tests.api_serving import api_of
from tests.conftest import Kafka
from tests.control_running import Topics, running
from tests.store_records import suggestion

INDEX = CreateIndex(table="visits", name="visits_page", columns=["page"])


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    key = create(tmp_path / "order.json", "sidecar", "control")
    (tmp_path / "orders.jwks").write_text(json.dumps({"keys": [key.public]}))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("DUCKDB_SIDECAR_OPERATION_KEYS", str(tmp_path / "orders.jwks"))
    monkeypatch.setenv("DUCKDB_SIDECAR_OPERATE_FREE_BYTES", "0")
    made = tmp_path / "shop.duckdb"
    with duckdb.connect(made) as connection:
        connection.execute("CREATE TABLE visits(id BIGINT, page VARCHAR)")
        connection.execute("INSERT INTO visits SELECT range, 'p' || range % 100 FROM range(10_000)")
    return made


def test_an_approved_change_of_a_closed_file_passes_the_same_gate_and_is_done_once(
    kafka: Kafka, topic_prefix: str, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closed_file, "NEXT_S", 2.0)
    topics = Topics(kafka.bootstrap_servers, topic_prefix)
    topics.create()
    team = Team(tmp_path)
    settings = topics.settings(tmp_path / "store.duckdb", policy=team.file, operation_key=tmp_path / "order.json")
    ours = Settings(bootstrap_servers=kafka.bootstrap_servers, topic_prefix=topic_prefix, group_prefix=topic_prefix)
    with duckdb.connect(file) as connection:
        tables = by_name(structure(connection, place_of(connection).database))
        planned, _ = steps([pack(INDEX)], tables, Limits(build_s=60, extra_bytes=0, peak_bytes=0))
    one = suggestion(database="shop", steps=planned, plan_hash=plan_hash(planned), cost=COST, time=datetime.now(UTC))
    with (
        running(settings, clock=lambda: datetime.now(UTC)) as control,
        api_of(control, topics, tmp_path / "data") as url,
    ):
        api = ApiClient(url, tmp_path / "data" / "api-key")
        topics.send(SUGGESTIONS, one)
        control.until(lambda tx: suggestions.newest(tx, one.suggestion_id))
        with monkeypatch.context() as patched:
            patched.setattr(closed_file, "FIRST_S", 2.0)
            assert list(closed_file.apply(ours, api, file, "sales", "shop")) == [], "nothing is approved"

        def known(tx: DuckDBPyConnection) -> bool:
            return catalogs.newest(tx, "sales", "shop") is not None

        control.until(known)
        ruling = api.decide(one, "approve", team.people["bob"])
        assert ruling
        assert ruling.verdict == "complete"
        (outcome,) = closed_file.apply(ours, api, file, "sales", "shop")
        assert (outcome.kind, outcome.state, outcome.first, outcome.last) == ("apply", "done", 0, 1)
        control.until(lambda tx: [told.state for told in operations.listed(tx)][:1] == ["done"])
    with duckdb.connect(file) as connection:
        assert connection.execute("SELECT index_name FROM duckdb_indexes()").fetchall() == [("visits_page",)]


def test_a_file_that_cannot_be_opened_is_told(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Settings(bootstrap_servers="127.0.0.1:9")
    (tmp_path / "key").write_text("key")
    (tmp_path / "key").chmod(0o600)
    api = ApiClient("http://127.0.0.1:9", tmp_path / "key")
    with pytest.raises(InputError, match="there is no file"):
        list(closed_file.apply(ours, api, tmp_path / "missing.duckdb", "sales", "shop"))
    (tmp_path / "text.duckdb").write_text("no database, but long enough to be one" * 1000)
    with pytest.raises(InputError, match="cannot be opened"):
        list(closed_file.apply(ours, api, tmp_path / "text.duckdb", "sales", "shop"))
    monkeypatch.delenv("DUCKDB_SIDECAR_OPERATION_KEYS")
    with pytest.raises(SettingsError, match="whose orders are taken"):
        list(closed_file.apply(ours, api, file, "sales", "shop"))
