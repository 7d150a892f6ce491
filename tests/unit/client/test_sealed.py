"""Exemplars that are sealed where they are kept."""

import base64
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from schemas.client.exemplars import FILE, Exemplars
from schemas.client.sealed import Seal, seal_of
from schemas.errors import SettingsError
from schemas.fingerprint import Shape, shape

MAIL = "alice@example.com"
ONE = shape(f"SELECT id FROM people WHERE mail = '{MAIL}'")
KEY, OTHER = bytes(range(32)), bytes(32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "shop"


def kept_by(folder: Path, seal: Seal | None, *shapes: Shape) -> Exemplars:
    exemplars = Exemplars(folder, seal)
    for one in shapes:
        exemplars.add(one)
    exemplars.save(final=True)
    return exemplars


def on_disk(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


def test_no_value_lies_on_the_disk_and_who_has_the_key_has_all(folder: Path) -> None:
    kept_by(folder, None, ONE)
    assert MAIL.encode() in on_disk(folder)
    (folder / FILE).unlink()
    exemplars = kept_by(folder, Seal(KEY), ONE)
    assert MAIL.encode() not in on_disk(folder)
    assert exemplars.get(ONE.id) == Exemplars(folder, Seal(KEY)).get(ONE.id) == [((f"'{MAIL}'",), {})]


def test_without_the_key_or_with_another_there_is_nothing(folder: Path) -> None:
    kept_by(folder, Seal(KEY), ONE)
    assert Exemplars(folder, Seal(OTHER)).get(ONE.id) == []
    [(kept,)] = rows(folder, "SELECT literals FROM exemplars")
    assert Seal(KEY).open(kept, f"{ONE.id}/0") == f"[\"'{MAIL}'\"]"
    assert Seal(KEY).open(kept, f"{ONE.id}/1") is None, "it is bound to its place"
    assert Seal(KEY).open(kept[:-8] + "AAAA" + kept[-4:], f"{ONE.id}/0") is None
    assert Seal(KEY).open("no base64!", f"{ONE.id}/0") is None


@pytest.mark.parametrize(("before", "after"), [(None, KEY), (KEY, OTHER), (KEY, None)])
def test_what_was_kept_otherwise_is_wiped_and_counts_go_on(
    folder: Path, before: bytes | None, after: bytes | None
) -> None:
    kept_by(folder, Seal(before) if before else None, ONE, ONE)
    again = kept_by(folder, Seal(after) if after else None, shape("SELECT 7"))
    assert again.get(ONE.id) == []
    assert len(again.get(shape("SELECT 7").id)) == 1
    assert MAIL.encode() not in on_disk(folder)
    assert rows(folder, "SELECT seen FROM shapes WHERE fingerprint = ?", ONE.id) == [(2,)]
    assert len(kept_by(folder, Seal(after) if after else None).get(shape("SELECT 7").id)) == 1, "once is enough"


def test_a_key_is_thirty_two_bytes_that_nobody_else_can_read(tmp_path: Path) -> None:
    file = tmp_path / "key"
    assert seal_of(None) is None
    with pytest.raises(SettingsError, match=r"exemplar_key_file .*key cannot be read: No such file"):
        seal_of(file)
    file.write_bytes(base64.b64encode(KEY) + b"\n")
    os.chmod(file, 0o640)
    with pytest.raises(SettingsError, match=r"others can read exemplar_key_file .*chmod 600"):
        seal_of(file)
    os.chmod(file, 0o600)
    found = seal_of(file)
    assert found is not None
    assert found.key_id == Seal(KEY).key_id != Seal(OTHER).key_id
    for wrong in (b"", b"c2hvcnQ=", b"\xff" * 44):
        file.write_bytes(wrong)
        with pytest.raises(SettingsError, match=r"holds no base64 of 32 bytes: make one with `openssl"):
            seal_of(file)


def rows(folder: Path, query: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / FILE)) as database:
        return database.execute(query, values).fetchall()
