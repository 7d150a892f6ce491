"""A log that another process appends to, as it is rotated, truncated and left."""

import os
from pathlib import Path

import pytest

from schemas.client import logfile
from schemas.client.logfile import LARGEST_LINE, NOWHERE, Line, LogFile


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfile, "LEFT_S", 0.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queries.jsonl"


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def all_of(log: LogFile) -> list[Line]:
    found: list[Line] = []
    for _ in range(5):  # a look more after each file, which finds that it is left
        found += log.read()
    return found


def test_what_is_there_at_first_is_passed_over_and_counted(path: Path) -> None:
    append(path, "a\nb\nc")
    log = LogFile(path, None)
    append(path, "c\nd\n")
    assert log.read() == [(3, b"cc"), (4, b"d")]
    assert log.read() == []


def test_a_file_that_comes_later_is_read_from_its_beginning(path: Path) -> None:
    log = LogFile(path, None)
    assert (log.read(), log.place) == ([], NOWHERE)
    append(path, "a\n")
    assert log.read() == [(1, b"a")]


def test_the_last_line_waits_until_it_ends(path: Path) -> None:
    log = LogFile(path, NOWHERE)
    append(path, "a\nb")
    assert log.read() == [(1, b"a")]
    append(path, "b")
    assert log.read() == []
    append(path, "b\n")
    assert log.read() == [(2, b"bbb")]


def test_a_few_lines_are_read_at_a_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfile, "LINES", 2)
    append(path, "a\nb\nc\n")
    log = LogFile(path, NOWHERE)
    assert [log.read(), log.read(), log.read()] == [[(1, b"a"), (2, b"b")], [(3, b"c")], []]


def test_a_renamed_file_is_read_to_its_end_before_the_new_one(path: Path) -> None:
    log = LogFile(path, NOWHERE)
    append(path, "a\n")
    assert log.read() == [(1, b"a")]
    old = path.rename(path.with_suffix(".1"))
    append(old, "b\n")
    assert log.read() == [(2, b"b")]
    append(path, "c\n")
    append(old, "d\nnot ended")
    assert all_of(log) == [(3, b"d"), (4, b"not ended"), (1, b"c")]


def test_what_cannot_be_opened_after_a_rotation_costs_no_line(path: Path) -> None:
    log = LogFile(path, NOWHERE)
    append(path, "a\nnot ended")
    assert log.read() == [(1, b"a")]
    path.rename(path.with_suffix(".1"))
    path.mkdir()
    for _ in range(2):
        with pytest.raises(OSError, match="queries.jsonl"):
            log.read()
    path.rmdir()
    append(path, "b\n")
    assert all_of(log) == [(2, b"not ended"), (1, b"b")]


def test_a_renamed_file_is_not_left_while_its_writer_has_not_noticed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logfile, "LEFT_S", 3600.0)
    log = LogFile(path, NOWHERE)
    append(path, "a\n")
    assert log.read() == [(1, b"a")]
    old = path.rename(path.with_suffix(".1"))
    append(path, "b\n")
    assert all_of(log) == []
    append(old, "still\n")
    assert all_of(log) == [(2, b"still")]
    monkeypatch.setattr(logfile, "LEFT_S", 0.0)
    assert all_of(log) == [(1, b"b")]


def test_a_truncated_file_is_read_from_its_beginning(path: Path) -> None:
    append(path, "aaaa\nbbbb\n")
    log = LogFile(path, NOWHERE)
    assert len(log.read()) == 2
    path.write_text("c\n")
    assert log.read() == [(1, b"c")]


def test_a_truncated_file_that_has_grown_again_is_known_by_its_first_bytes(path: Path) -> None:
    append(path, "aaaa\n")
    log = LogFile(path, NOWHERE)
    assert len(log.read()) == 1
    path.write_text("bbbb\ncccc\n")
    assert log.read() == [(1, b"bbbb"), (2, b"cccc")]


def test_a_line_that_is_too_long_is_passed_over(path: Path) -> None:
    log = LogFile(path, NOWHERE)
    fits = "f" * LARGEST_LINE
    append(path, f"{fits}\n{'x' * 3 * LARGEST_LINE}")
    assert log.read() == [(1, fits.encode())]
    before = log.place
    assert [log.read() for _ in range(4)] == [[], [], [], []]
    assert log.place == before
    append(path, "x\nnext\n")
    assert all_of(log) == [(2, None), (3, b"next")]


def test_a_restart_goes_on_where_the_last_one_stopped(path: Path) -> None:
    append(path, "a\nb\nnot ended")
    log = LogFile(path, NOWHERE)
    assert len(log.read()) == 2
    place = log.place
    log.close()
    append(path, "\nc\n")
    assert LogFile(path, place).read() == [(3, b"not ended"), (4, b"c")]


def test_a_restart_finds_the_file_that_was_rotated_meanwhile(path: Path) -> None:
    append(path, "a\nb\n")
    log = LogFile(path, None)
    place = log.place
    log.close()
    append(path, "c\n")
    path.rename(path.with_suffix(".1"))
    append(path, "d\n")
    assert all_of(LogFile(path, place)) == [(3, b"c"), (1, b"d")]


def test_a_restart_reads_the_whole_of_a_file_that_is_another(path: Path) -> None:
    append(path, "a\nb\n")
    log = LogFile(path, None)
    place = log.place
    log.close()
    inode = os.stat(path).st_ino
    path.write_text("other\nand longer\n")
    assert os.stat(path).st_ino == inode
    assert LogFile(path, place).read() == [(1, b"other"), (2, b"and longer")]
