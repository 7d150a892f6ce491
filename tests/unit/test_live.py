from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import duckdb
import pytest

from schemas.client.catalog import place_of
from schemas.client.clone import make_clone, plan_clone
from schemas.client.instrument import instrument, uninstrument
from schemas.client.live import LiveDatabase
from schemas.client.pace import Pace
from schemas.client.settings import ClientSettings
from schemas.client.sink import Batch
from schemas.client.slowness import Slowness
from schemas.errors import CloneError


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def write(self, batch: Batch) -> None:
        self.batches.append(batch)

    def flush(self, timeout: float) -> bool:
        return True

    def close(self) -> None: ...


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    sink = Kept()
    instrument(product="shop", sink=lambda: sink)
    yield sink
    uninstrument()


@pytest.fixture
def product(kept: Kept, tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(str(tmp_path / "live.duckdb"))
    connection.execute("CREATE TABLE t AS SELECT range AS n, hash(range)::VARCHAR AS h FROM range(1_500_000)")
    connection.execute("CHECKPOINT")
    yield connection
    connection.close()


def test_reading_beside_the_product_leaves_its_open_result_and_its_log_alone(
    product: duckdb.DuckDBPyConnection, kept: Kept, tmp_path: Path
) -> None:
    product.execute("SELECT n FROM t ORDER BY n")
    assert product.fetchmany(2) == [(0,), (1,)]
    with LiveDatabase(str(tmp_path / "live.duckdb")).connection() as ours:
        assert ours.execute("SELECT 'ours', count(*) FROM t").fetchall() == [("ours", 1_500_000)]
    assert product.fetchone() == (2,)
    uninstrument()
    texts = [event.statement.text for batch in kept.batches for event in batch.events]
    assert "SELECT n FROM t ORDER BY n" in texts
    assert not [text for text in texts if "count" in text]


def test_there_is_no_database_once_the_product_has_closed_it(
    product: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    live = LiveDatabase(str(tmp_path / "live.duckdb"))
    assert live.is_open()
    product.close()
    assert not live.is_open()
    with pytest.raises(CloneError, match="the product does not have the database open"), live.connection():
        pass


def test_a_product_that_closes_its_database_finds_it_closed_though_it_was_being_cloned(
    product: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    live = LiveDatabase(str(tmp_path / "live.duckdb"))
    copying, ended = Event(), []

    def wanted() -> bool:
        copying.set()
        return live.is_open()

    def clone() -> None:
        pace = Pace(ClientSettings(clone_free_bytes=0), tmp_path, Slowness(), Event(), wanted)
        with live.connection() as ours:
            plan = plan_clone(ours, place_of(ours), ["t"], [], 10**9)
            try:
                make_clone(ours, plan, tmp_path / "clone.duckdb", pace)
            except CloneError as error:
                ended.append(str(error))

    thread = Thread(target=clone)
    thread.start()
    assert copying.wait(60)
    product.close()
    duckdb.connect(str(tmp_path / "live.duckdb"), read_only=True).close()  # refused while it is open for writing
    thread.join(60)
    assert ended == ["the product closed its connection while it was cloned: keep one open, or ask again"]
