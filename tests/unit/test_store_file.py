"""Where a rebuild refuses to begin or to end, without a Kafka."""

from pathlib import Path

import pytest

from schemas.codec import Codec
from schemas.errors import StoreError
from store.chain import Head
from streams import store_file
from streams.control import ControlSettings
from streams.store_file import rebuild


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.duckdb"


@pytest.fixture
def settings(path: Path) -> ControlSettings:
    return ControlSettings(store_path=path, kafka={})


def test_a_rebuild_beside_the_log_of_a_killed_process_says_to_set_both_aside(
    path: Path, settings: ControlSettings
) -> None:
    path.touch()
    path.with_name("store.duckdb.wal").touch()
    with pytest.raises(StoreError) as raised:
        rebuild(settings, Codec(), print)
    assert str(raised.value) == (
        f"there is {path} and {path}.wal already: stop the control process and set the knowledge file aside first "
        f"(mv {path} {path}.old && mv {path}.wal {path}.old.wal), since nothing is overwritten"
    )


def test_a_rebuild_beside_a_log_without_its_file_is_refused(path: Path, settings: ControlSettings) -> None:
    path.with_name("store.duckdb.wal").touch()
    with pytest.raises(StoreError) as raised:
        rebuild(settings, Codec(), print)
    assert str(raised.value) == (
        f"there is {path}.wal already: stop the control process and set the knowledge file aside first "
        f"(mv {path}.wal {path}.old.wal), since nothing is overwritten"
    )


def test_a_log_that_came_meanwhile_ends_a_rebuild_without_a_file(
    path: Path, settings: ControlSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(_settings: object, _codec: object, made: Path, *_: object) -> Head:
        made.touch()
        path.with_name("store.duckdb.wal").touch()
        return Head()

    monkeypatch.setattr(store_file, "_made", made)
    with pytest.raises(StoreError, match=f"^meanwhile another process was here.*there is {path}.wal already"):
        rebuild(settings, Codec(), print)
    assert [one.name for one in path.parent.iterdir()] == ["store.duckdb.wal"]
