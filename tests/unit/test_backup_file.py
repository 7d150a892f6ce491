"""What becomes of a backup shows: another key, a cut, a change, a chunk that was moved."""

import os
from pathlib import Path
from threading import Event

import pytest

from schemas.errors import BackupError
from schemas.records import Position
from store import backup_file
from store.backup_file import MAGIC, TAG, Backup, Standing, opened, seal, unsealed
from tests.store_records import NOON

KEY, OTHER_KEY = bytes(range(32)), bytes(32)
STANDS = Standing(
    cluster_id="cluster", journal_id="journal-id", sequence=42, hash="ab" * 32,
    offsets=[Position(topic="patterns", topic_id="p-id", partition=3, offset=7)],
)  # fmt: skip
CHUNK = 16


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup_file, "CHUNK", CHUNK)


def sealed(folder: Path, content: bytes, name: str = "one.backup") -> Backup:
    (folder / "plain").write_bytes(content)
    return seal(folder / "plain", folder / name, KEY, STANDS, NOON, Event())


def read(path: Path, key: bytes = KEY) -> bytes:
    return b"".join(unsealed(path, key))


def chunks(path: Path) -> tuple[bytes, list[bytes]]:
    """What is before them, and each with its tag."""
    content = path.read_bytes()
    begin = len(MAGIC) + 4 + int.from_bytes(content[len(MAGIC) : len(MAGIC) + 4], "big")
    size = CHUNK + TAG
    return content[:begin], [content[at : at + size] for at in range(begin, len(content), size)]


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_what_was_sealed_comes_back_and_its_header_tells_where_it_stands(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    made = sealed(tmp_path, content)
    assert read(made.path) == content
    found = opened(made.path)
    assert found == made
    assert (found.header.standing, found.header.time, found.header.bytes) == (STANDS, NOON, size)
    assert len(chunks(made.path)[1]) == max(1, -(-size // CHUNK))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["one.backup", "plain"]
    assert oct(made.path.stat().st_mode & 0o777) == "0o600"


def test_one_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    made = sealed(tmp_path, b"one")
    with pytest.raises(BackupError, match="there is .*one.backup already"):
        sealed(tmp_path, b"two")
    assert read(made.path) == b"one"
    assert len(list(tmp_path.iterdir())) == 2


def test_nothing_of_it_can_be_read_and_no_two_are_alike(tmp_path: Path) -> None:
    content = b"secret-canary" * 10
    one, other = sealed(tmp_path, content).path.read_bytes(), sealed(tmp_path, content, "other").path.read_bytes()
    assert b"secret" not in one
    assert not {one[at : at + 8] for at in range(800, len(one))} & {other[at : at + 8] for at in range(800, len(other))}


def test_another_key_is_named(tmp_path: Path) -> None:
    made = sealed(tmp_path, b"x")
    with pytest.raises(BackupError, match="one.backup was sealed with another key, or its header was changed"):
        read(made.path, OTHER_KEY)


def test_every_byte_that_was_changed_is_found(tmp_path: Path) -> None:
    made = sealed(tmp_path, os.urandom(3 * CHUNK - 5))
    content = made.path.read_bytes()
    for place in range(len(content)):
        made.path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(BackupError):
            read(made.path)
    made.path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(BackupError, match="one.backup was changed: chunk 3 of 3, or the header, is not"):
        read(made.path)


def test_every_cut_is_found(tmp_path: Path) -> None:
    made = sealed(tmp_path, os.urandom(2 * CHUNK + 5))
    content = made.path.read_bytes()
    for length in range(len(content)):
        made.path.write_bytes(content[:length])
        with pytest.raises(BackupError):
            read(made.path)
    made.path.write_bytes(content[: -5 - TAG])  # a whole chunk
    with pytest.raises(BackupError, match=f"was cut off: {len(content) - 21:,} of {len(content):,} bytes are there"):
        read(made.path)


def test_a_cut_that_the_header_was_made_to_fit_is_found_by_the_chunk_that_is_not_the_last(tmp_path: Path) -> None:
    made = sealed(tmp_path, os.urandom(2 * CHUNK))
    _, (first, _) = chunks(made.path)
    told = made.header.model_copy(update={"bytes": CHUNK}).model_dump_json().encode()
    made.path.write_bytes(MAGIC + len(told).to_bytes(4, "big") + told + first)
    with pytest.raises(BackupError, match="chunk 1 of 1, or the header"):
        read(made.path)


def test_chunks_that_changed_their_places_are_found(tmp_path: Path) -> None:
    made = sealed(tmp_path, os.urandom(3 * CHUNK))
    head, (first, second, third) = chunks(made.path)
    for moved, number in (([second, first, third], 1), ([first, third, second], 2), ([first, first, third], 2)):
        made.path.write_bytes(head + b"".join(moved))
        with pytest.raises(BackupError, match=f"chunk {number} of 3, or the header, is not what was sealed there"):
            read(made.path)


def test_a_chunk_of_another_backup_with_the_same_key_is_found(tmp_path: Path) -> None:
    made, other = sealed(tmp_path, bytes(2 * CHUNK)), sealed(tmp_path, bytes(2 * CHUNK), "other.backup")
    (head, (first, _)), (_, (_, second)) = chunks(made.path), chunks(other.path)
    made.path.write_bytes(head + first + second)
    with pytest.raises(BackupError, match="chunk 2 of 2"):
        read(made.path)


def test_a_chunk_is_bound_to_its_header_its_number_and_whether_it_is_the_last() -> None:
    bound = {backup_file._bound(*of) for of in ((b"h", 1, True), (b"i", 1, True), (b"h", 2, True), (b"h", 1, False))}
    assert len(bound) == 4


def test_a_header_that_claims_too_much_is_a_cut_and_costs_nothing(tmp_path: Path) -> None:
    made = sealed(tmp_path, b"x")
    told = made.header.model_copy(update={"bytes": 2**60}).model_dump_json().encode()
    made.path.write_bytes(MAGIC + len(told).to_bytes(4, "big") + told)
    with pytest.raises(BackupError, match="was cut off"):
        read(made.path)


def test_what_was_put_behind_the_end_is_found(tmp_path: Path) -> None:
    made = sealed(tmp_path, b"x")
    made.path.write_bytes(made.path.read_bytes() + b"yz")
    with pytest.raises(BackupError, match="2 bytes were put behind its end"):
        read(made.path)


def test_what_is_no_backup_is_named(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("what is this?" * 10)
    with pytest.raises(BackupError, match="text is no backup of a knowledge file"):
        opened(tmp_path / "text")
    with pytest.raises(BackupError, match="none cannot be read: No such file"):
        opened(tmp_path / "none")


def test_one_that_is_told_to_stop_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(bytes(CHUNK))
    stop = Event()
    stop.set()
    with pytest.raises(BackupError, match="told to stop"):
        seal(tmp_path / "plain", tmp_path / "one.backup", KEY, STANDS, NOON, stop)
    assert [one.name for one in tmp_path.iterdir()] == ["plain"]
