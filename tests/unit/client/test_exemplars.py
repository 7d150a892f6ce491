"""The concrete statements that stay with the product."""

import os
import sqlite3
import stat
from collections import Counter
from pathlib import Path
from random import Random
from time import time

import duckdb
import pytest

import schemas
from schemas.client import exemplars as module
from schemas.client.exemplars import FILE, KEPT, LARGEST, LIFE_S, Exemplars, private_folder, salt_of
from schemas.fingerprint import fill, shape
from tests.captured import Captured


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "shop"


def test_of_statements_that_name_a_private_column_nothing_is_kept_and_what_was_is_forgotten(folder: Path) -> None:
    exemplars = Exemplars(folder)
    private, other = shape("SELECT id FROM people WHERE Mail = 'a@b'"), shape("SELECT id FROM people WHERE id = 7")
    for one in (private, other):
        exemplars.add(one)
    exemplars.leave_out("shop", {"mail"})
    assert (exemplars.get(private.id), exemplars.get(other.id)) == ([], [])
    for one in (private, other):
        exemplars.add(one)
    assert (exemplars.get(private.id), len(exemplars.get(other.id))) == ([], 1)
    again = Exemplars(folder)
    again.leave_out("shop", {"mail"})
    assert len(again.get(other.id)) == 1, "they are the same as before"
    again.leave_out("shop", set())
    again.add(private)
    assert len(again.get(private.id)) == 1


def test_the_first_ones_are_kept(folder: Path) -> None:
    exemplars = Exemplars(folder)
    for n in range(KEPT):
        exemplars.add(shape(f"SELECT * FROM t WHERE i = {n}"))
    fingerprint = shape("SELECT * FROM t WHERE i = 0").id
    assert exemplars.get(fingerprint) == [((str(n),), {}) for n in range(KEPT)]


def test_a_statement_comes_back_whole(folder: Path) -> None:
    exemplars = Exemplars(folder)
    text = "SELECT * FROM read_csv('/data/in.csv') WHERE name = 'O''Neill' AND d > DATE '2024-01-01' LIMIT ?"
    read = shape(text, [5], salt=b"salt")
    exemplars.add(read)
    [(literals, files)] = exemplars.get(read.id)
    assert fill(read.text, literals, files) == fill(read.text, read.literals or (), dict(read.files))
    assert "/data/in.csv" in files.values()


def test_every_run_is_as_likely_to_be_kept_as_any_other(folder: Path) -> None:
    exemplars = Exemplars(folder, random=Random(7))  # noqa: S311
    kept: Counter[int] = Counter()
    rounds, runs = 2000, 20
    for round_ in range(rounds):
        slots: dict[int, int] = {}
        for n in range(runs):
            if (slot := exemplars.slot(str(round_))) is not None:
                slots[slot] = n
        kept.update(slots.values())
    expected = rounds * KEPT / runs
    assert all(abs(kept[n] - expected) < 5 * (expected * 0.75) ** 0.5 for n in range(runs))


def test_exemplars_outlive_the_process(folder: Path) -> None:
    first = Exemplars(folder, random=Random(1))  # noqa: S311
    for n in range(40):
        first.add(shape(f"SELECT {n}"))
    first.save(final=True)
    fingerprint = shape("SELECT 1").id
    again = Exemplars(folder, random=Random(1))  # noqa: S311
    assert again.get(fingerprint) == first.get(fingerprint)
    again.slot(fingerprint)
    assert again.seen(fingerprint) == 41


def test_several_workers_share_them(folder: Path) -> None:
    workers = [Exemplars(folder, random=Random(n)) for n in range(3)]  # noqa: S311
    for n in range(60):
        workers[n % 3].add(shape(f"SELECT {n}, {n}"))
    fingerprint = shape("SELECT 1, 1").id
    for worker in workers:
        worker.save(final=True)
    found = workers[0].get(fingerprint)
    assert len(found) == KEPT
    assert all(worker.get(fingerprint) == found for worker in workers)


def test_the_shapes_seen_longest_ago_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHAPES", 3)
    exemplars = Exemplars(folder)
    shapes = [shape(f"SELECT a{n} FROM t WHERE i = 1") for n in range(5)]
    for read in shapes[:3]:
        exemplars.add(read)
    exemplars.add(shapes[0])
    for read in shapes[3:]:
        exemplars.add(read)
    assert [len(exemplars.get(read.id)) for read in shapes] == [2, 0, 0, 1, 1]


def test_what_nobody_ran_for_five_weeks_is_deleted_at_the_next_save_and_at_the_next_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = time()
    monkeypatch.setattr(module, "time", lambda: at)
    kept, old, later = Exemplars(folder), shape("SELECT 'secret'"), shape("SELECT 2 + 2")
    kept.add(old)
    kept.save(final=True)
    assert kept.get(old.id) == [(("'secret'",), {})]
    at += LIFE_S
    kept.add(later)
    kept.save(final=True)
    assert len(kept.get(old.id)) == 1, "to the day"
    at += 1
    kept.add(later)
    kept.save(final=True)
    assert (kept.get(old.id), kept.seen(old.id), len(kept.get(later.id))) == ([], 0, 2)
    assert b"secret" not in (folder / FILE).read_bytes()
    kept.add(old)
    assert len(kept.get(old.id)) == 1, "and it is kept again from its first run on"
    kept.save(final=True)
    at += LIFE_S + 1
    again = Exemplars(folder)
    again.slot(later.id)
    assert again.get(old.id) == []


def test_a_large_one_is_not_kept(folder: Path) -> None:
    exemplars = Exemplars(folder)
    exemplars.add(shape(f"SELECT '{'x' * LARGEST}'"))
    exemplars.add(shape("SELECT 'small'"))
    assert exemplars.get(shape("SELECT 'a'").id) == [(("'small'",), {})]


def test_one_whose_parameters_are_not_known_is_not_kept(folder: Path) -> None:
    exemplars = Exemplars(folder)
    exemplars.add(shape("SELECT ?"))
    assert exemplars.get(shape("SELECT 1").id) == []


def test_nobody_else_can_read_them(folder: Path) -> None:
    previous = os.umask(0)
    try:
        Exemplars(folder).add(shape("SELECT 1"))
        salt_of(folder)
    finally:
        os.umask(previous)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {FILE: 0o600, "salt": 0o600}


def test_a_file_that_is_damaged_starts_anew(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder.mkdir(parents=True)
    (folder / FILE).write_text("this is no database, and long enough to be taken for one" * 100)
    exemplars = Exemplars(folder)
    exemplars.add(shape("SELECT 1"))
    exemplars.add(shape("SELECT 2"))
    assert exemplars.get(shape("SELECT 1").id) != []
    assert "not kept" in caplog.text


def test_where_there_is_no_folder_nothing_is_kept_and_that_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    exemplars = Exemplars(tmp_path / "file" / "shop")
    for _ in range(3):
        exemplars.add(shape("SELECT 1"))
    assert exemplars.get(shape("SELECT 1").id) == []
    assert len(caplog.records) == 1


def test_while_another_worker_writes_nothing_breaks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_S", 0.01)
    exemplars = Exemplars(folder)
    exemplars.add(shape("SELECT 1"))
    other = sqlite3.connect(folder / FILE, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    exemplars.add(shape("SELECT 2"))
    other.execute("ROLLBACK")
    other.close()
    exemplars.add(shape("SELECT 3"))
    assert [literals for literals, _ in exemplars.get(shape("SELECT 1").id)] == [("1",), ("3",)]


def test_the_salt_is_made_once(folder: Path) -> None:
    salt = salt_of(folder)
    assert len(salt) == 32
    assert salt_of(folder) == salt
    assert salt_of(folder.parent / "other") != salt


def test_the_folder_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert private_folder("shop") == tmp_path / "duckdb-sidecar" / "shop"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert private_folder("shop") == tmp_path / ".local" / "state" / "duckdb-sidecar" / "shop"


def test_literals_stay_out_of_the_log_and_go_to_the_exemplars(captured: Captured, tmp_path: Path) -> None:
    captured.start()
    (tmp_path / "private.csv").write_text("a\n1\n")
    con = duckdb.connect()
    con.execute("SELECT 'secret', ? || ?, $$tale$$", ["given", "too"]).fetchall()
    con.execute(f"SELECT * FROM read_csv('{tmp_path}/private.csv')").fetchall()
    with pytest.raises(duckdb.Error):
        con.execute("SELECT 'failed' + 1")
    captured.events()
    schemas.uninstrument()
    log = repr(captured.batches)
    assert not any(data in log for data in ("secret", "given", "too", "tale", "private", str(tmp_path)))
    first, second, failed = (event.statement.fingerprint for batch in captured.batches for event in batch.events)
    exemplars = captured.exemplars()
    assert exemplars.get(first) == [(("'secret'", "'given'", "'too'", "$$tale$$"), {})]
    [(_, files)] = exemplars.get(second)
    assert list(files.values()) == [f"{tmp_path}/private.csv"]
    assert exemplars.get(failed) == []
