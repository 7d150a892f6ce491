"""A catalog that no record holds is told without what it can be told without, or it is said what to do."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event as Signal

import duckdb
import pytest

from schemas.client import reports
from schemas.client.attached import Attached
from schemas.client.exemplars import Exemplars
from schemas.client.files import Files
from schemas.client.live import SnapshotFile
from schemas.client.reports import CatalogReports
from schemas.client.settings import ClientSettings
from schemas.codec import Codec
from schemas.records import CatalogSnapshot, Column
from schemas.topics import CATALOGS, ENVELOPE, Topic

KEY = b"shop/orders"


class Published:
    def __init__(self) -> None:
        self.payloads: list[bytes] = []

    def send(self, topic: Topic, key: bytes, payload: bytes, done: Callable[[str | None], None]) -> None:
        assert (topic.name, key) == ("catalogs", KEY)
        self.payloads.append(payload)

    def columns(self) -> list[list[Column]]:
        told = [Codec().decode_as(CatalogSnapshot, payload) for payload in self.payloads]
        return [table.columns for catalog in told for table in catalog.tables]


@pytest.fixture
def published() -> Published:
    return Published()


@pytest.fixture
def told(published: Published, tmp_path: Path) -> CatalogReports:
    """Of a database with figures and an ENUM."""
    file = tmp_path / "orders.duckdb"
    with duckdb.connect(file) as connection:
        connection.execute(
            "CREATE TABLE orders AS SELECT DATE '2020-01-01' AS day, CASE WHEN range % 2 = 0 THEN range::VARCHAR END "
            "AS id, 'glad'::ENUM ('glad', 'sad') AS mood FROM range(2_000)"
        )
    exemplars = Exemplars(tmp_path / "state")
    attached = Attached(
        "shop", "i", ClientSettings(), tmp_path, b"", exemplars, Files(exemplars), list, Signal(),
        Codec(), published,  # type: ignore[arg-type]
    )  # fmt: skip
    return CatalogReports(attached, "orders", SnapshotFile(file), in_place=False)


def test_what_a_record_cannot_hold_is_left_out_the_least_needed_first_and_each_is_said_once(
    told: CatalogReports, published: Published, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def report(short_of: int | None = None) -> None:
        """Where a record holds one byte less than that report took."""
        largest = CATALOGS.largest_record if short_of is None else len(published.payloads[short_of]) - 1
        monkeypatch.setattr(reports, "CATALOGS", replace(CATALOGS, largest_record=largest + ENVELOPE + len(KEY)))
        told.look_again()
        told.work()

    with caplog.at_level(logging.INFO, "duckdb_sidecar"):
        for short_of in (None, 0, 0, 1, 3, 3, None, 3):
            report(short_of)
    whole, *less, again = published.columns()
    day, number, mood = whole
    assert (number.null_share, number.holds, mood.enum_values) == (0.5, "integer", ["glad", "sad"])
    without_values = [day, number, mood.model_copy(update={"enum_values": []})]
    without_figures = [
        Column(name=column.name, type=column.type, nullable=True, distinct=-1, null_share=0.0, holds=None, ordered=-1.0)
        for column in whole
    ]
    assert less == [without_values, without_values, without_figures]
    assert again == whole
    values, figures = (
        "it is told without the values of ENUM types",
        "it is told without the values of ENUM types and the figures of columns, so that less will be suggested",
    )
    nothing = "nothing will be suggested for it: have tables and views that need no advice in another database"
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        (level, f"the catalog of orders is too large for a record: {what}")
        for level, what in (("WARNING", values), ("WARNING", figures), ("ERROR", nothing), ("ERROR", nothing))
    ]
