"""A process whose DuckDB is captured for the length of a test, and what it captured."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import schemas
from schemas.client import recorder
from schemas.client.exemplars import Exemplars, private_folder
from schemas.client.sink import Batch, Event


class Captured:
    """Is a sink itself."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def start(self, product: str = "shop", **arguments: Any) -> None:
        schemas.instrument(product, sink=self.open, **arguments)

    def open(self) -> "Captured":
        return self

    def events(self) -> list[Event]:
        """All so far, in the order in which they ended."""
        assert schemas.flush(10)
        return [event for batch in self.batches for event in batch.events]

    def statements(self) -> list[str]:
        return [event.statement.text for event in self.events()]

    def exemplars(self, product: str = "shop") -> Exemplars:
        return Exemplars(private_folder(product))

    def write(self, batch: Batch) -> None:
        self.batches.append(batch)

    def flush(self, timeout: float) -> bool:
        return True

    def close(self) -> None: ...


@pytest.fixture
def captured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Captured]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    yield Captured()
    schemas.uninstrument()


@pytest.fixture
def every_run_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "SAMPLE_GAP_NS", 0)
    monkeypatch.setattr(recorder, "SAMPLED_SHARE", float("inf"))
