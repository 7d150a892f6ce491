"""Backups in their folder: made of an open file, chosen, taken away; and where their key comes from."""

import base64
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from schemas.errors import BackupError, SettingsError, StoreError
from store.backup_file import Backup, Header, Standing, unsealed
from store.comparing import differences
from store.knowledge import KnowledgeFile, reading
from streams import backups
from streams.backup_key import KeySource
from streams.backups import BackupRules, chosen, listed, make, restore, superseded
from tests.store_records import CLUSTER, NOON, knowledge

KEY = bytes(range(32))
TEXT = base64.b64encode(KEY).decode()
DAY = timedelta(days=1)


def rules(folder: Path, keep: int = 2) -> BackupRules:
    return BackupRules(folder, KeySource(TEXT), keep=keep)


@pytest.fixture
def file(tmp_path: Path) -> KnowledgeFile:
    return knowledge(tmp_path / "data" / "store.duckdb")


def backup(path: Path, day: int, cluster: str = CLUSTER) -> Backup:
    stands = Standing(cluster_id=cluster, journal_id="j", sequence=day, hash="", offsets=[])
    return Backup(path, Header(time=NOON + day * DAY, standing=stands, bytes=0, salt="00" * 32, check="00" * 16))


def test_a_backup_is_of_one_state_of_a_file_that_is_written_on_and_its_lock_stays(
    file: KnowledgeFile, tmp_path: Path
) -> None:
    with file.transaction() as tx:
        tx.execute("CREATE TABLE a AS SELECT 0 AS n; CREATE TABLE b AS SELECT n, m FROM a, range(100_000) t(m)")
    stop, written = threading.Event(), threading.Event()

    def write() -> None:
        while not stop.is_set():
            with file.transaction() as tx:
                tx.execute("UPDATE a SET n = n + 1")
                tx.execute("UPDATE b SET n = n + 1 WHERE m % 1000 = 0")
            written.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert written.wait(10)
    try:
        made = make(file, rules(tmp_path / "backups"), KEY, NOON, Event())
    finally:
        stop.set()
        writer.join()
    assert [one.name for one in (tmp_path / "data").iterdir() if "copy" in one.name] == []
    command = [sys.executable, "-c", "import sys, duckdb; duckdb.connect(sys.argv[1])", str(file.path)]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Could not set lock on file" in refused.stderr
    restore(made.path, KEY, tmp_path / "again" / "store.duckdb", CLUSTER, print)
    again = KnowledgeFile(tmp_path / "again" / "store.duckdb")
    with again.reading() as tx:
        assert tx.execute("SELECT count(DISTINCT n) FROM (FROM a UNION ALL SELECT n FROM b WHERE m % 1000 = 0)") \
            .fetchall() == [(1,)]  # fmt: skip
        assert tx.execute("SELECT saturated(1::HUGEINT)").fetchall() == [(1,)]
    again.close()


def test_a_file_comes_back_as_it_was_with_its_keys(file: KnowledgeFile, tmp_path: Path) -> None:
    made = make(file, rules(tmp_path / "backups"), KEY, NOON, Event())
    assert made.path == tmp_path / "backups" / "20250301T120000.000000Z-0.backup"
    assert (made.header.standing.cluster_id, made.header.standing.sequence) == (CLUSTER, 0)
    assert {one.topic for one in made.header.standing.offsets} >= {"patterns", "requests"}
    file.close()
    path = tmp_path / "again.duckdb"
    restore(made.path, KEY, path, None, print)
    assert differences(file.path, path) == {}

    def definitions(of: Path) -> list[tuple[str]]:
        with reading(of) as tx:
            return tx.execute(
                "SELECT sql FROM duckdb_tables() UNION ALL "
                "SELECT macro_definition FROM duckdb_functions() WHERE NOT internal ORDER BY ALL"
            ).fetchall()

    assert definitions(path) == definitions(file.path)
    assert len([sql for (sql,) in definitions(path) if "PRIMARY KEY" in sql]) > 10


@pytest.mark.parametrize(
    ("damage", "key", "problem"),
    [
        (lambda _: None, bytes(32), "sealed with another key"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), KEY, "was cut off"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9] + b"x" + path.read_bytes()[-8:]), KEY, "was changed"),
    ],
    ids=["wrong key", "cut", "changed"],
)
def test_what_is_not_as_it_was_made_is_neither_whole_nor_put_back(
    file: KnowledgeFile, tmp_path: Path, damage: "object", key: bytes, problem: str
) -> None:
    made = make(file, rules(tmp_path / "backups"), KEY, NOON, Event())
    damage(made.path)  # type: ignore[operator]
    with pytest.raises(BackupError, match=problem):
        backups.verify(made.path, key)
    with pytest.raises(BackupError, match=problem):
        restore(made.path, key, tmp_path / "new" / "store.duckdb", CLUSTER, print)
    assert list((tmp_path / "new").iterdir()) == []


def test_one_that_is_ended_while_it_is_put_back_leaves_nothing(
    file: KnowledgeFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(file, rules(tmp_path / "backups"), KEY, NOON, Event())

    def interrupted(path: Path, key: bytes) -> Iterator[bytes]:
        for chunk in unsealed(path, key):
            os.kill(os.getpid(), signal.SIGINT)
            yield chunk

    monkeypatch.setattr(backups, "unsealed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        restore(made.path, KEY, tmp_path / "new" / "store.duckdb", CLUSTER, print)
    assert list((tmp_path / "new").iterdir()) == []


def test_one_of_another_cluster_or_over_a_file_is_not_put_back(file: KnowledgeFile, tmp_path: Path) -> None:
    made = make(file, rules(tmp_path / "backups"), KEY, NOON, Event())
    with pytest.raises(BackupError, match="is of the Kafka cluster cluster, this one is another: choose one"):
        restore(made.path, KEY, tmp_path / "new.duckdb", "another", print)
    with pytest.raises(StoreError, match="since nothing is overwritten"):
        restore(made.path, KEY, file.path, CLUSTER, print)
    assert not (tmp_path / "new.duckdb").exists()


def test_the_newest_stay_and_the_young_and_those_of_others(tmp_path: Path) -> None:
    def names(made: Backup, *others: Backup) -> list[str]:
        found = sorted([made, *others], key=lambda one: one.header.time, reverse=True)
        return [one.path.name for one in superseded(found, made, rules(tmp_path, keep=2))]

    days = [backup(Path(str(day)), day) for day in range(6)]
    assert names(days[5], *days[:5]) == ["2", "1", "0"], "3 is not older than two intervals"
    assert names(days[5], days[0]) == [], "the newest two"
    assert names(days[5], days[4], backup(Path("other"), 0, "other")) == []
    hours = [Backup(Path(f"h{n}"), days[5].header.model_copy(update={"time": NOON + 5 * DAY - n * timedelta(hours=1)}))
             for n in range(1, 9)]  # fmt: skip
    assert names(days[5], days[4], *hours) == [], "who asks for many drives none out"


def test_what_is_superseded_goes_once_the_next_is_made(file: KnowledgeFile, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    for day in range(4):
        make(file, rules(folder, keep=1), KEY, NOON + day * DAY, Event())
    (folder / "what.backup").write_text("what")
    for name, age_s in ((".killed.backup.part", 90_000), (".other.backup.part", 60)):
        (folder / name).touch()
        os.utime(folder / name, (time.time() - age_s,) * 2)
    make(file, rules(folder, keep=1), KEY, NOON + 4 * DAY, Event())
    assert [one.name for one in folder.glob(".*")] == [".other.backup.part"], "which is being made"
    found, problems = listed(folder)
    assert [one.header.time for one in found] == [NOON + 4 * DAY, NOON + 3 * DAY]
    assert [str(one) for one in problems] == [f"{folder / 'what.backup'} is no backup of a knowledge file"]
    assert chosen(folder, None) == found[0].path
    assert chosen(folder, Path(found[1].path.name)) == found[1].path
    with pytest.raises(BackupError, match="there is no backup in"):
        chosen(tmp_path / "empty", None)
    with pytest.raises(BackupError, match="set backup_folder"):
        chosen(None, None)


def test_a_copy_that_would_fill_the_disk_is_not_begun(
    file: KnowledgeFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = file.path.stat().st_size
    usage = backups.shutil.disk_usage(tmp_path)._replace(free=2 * size - 1)
    monkeypatch.setattr(backups.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(BackupError, match=f"needs twice its {size:,} bytes beside it, and {2 * size - 1:,} are free"):
        make(file, rules(tmp_path / "backups"), KEY, NOON, Event())


def test_a_copy_that_cannot_be_read_is_no_error_of_the_store(
    file: KnowledgeFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "_copy_to", lambda copy: copy.write_text("what"))
    with pytest.raises(BackupError, match="failed .*cannot be opened"):
        make(file, rules(tmp_path / "backups"), KEY, NOON, Event())


def test_a_folder_that_cannot_be_written_is_an_error_of_ours(file: KnowledgeFile, tmp_path: Path) -> None:
    (tmp_path / "backups").write_text("a file")
    with pytest.raises(BackupError, match="a backup in .*backups failed .*: look at its disk"):
        make(file, rules(tmp_path / "backups"), KEY, NOON, Event())


def test_a_key_comes_from_the_settings_a_file_or_a_command(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(f"{TEXT}\n")
    path.chmod(0o600)
    assert KeySource(TEXT).load() == KeySource(file=path).load() == KeySource(command=f"cat '{path}'").load() == KEY
    assert TEXT not in repr(KeySource(TEXT))


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (KeySource(), "there is no key for backups: set backup_key_file, backup_key or backup_key_command"),
        (KeySource("c2hvcnQ="), "backup_key holds no base64 of 32 bytes: make one with `openssl rand -base64 32`"),
        (KeySource("secret-canary"), "backup_key holds no base64"),
        (KeySource(file=Path("none")), "backup_key_file none cannot be read: No such file"),
        (KeySource(command="false"), "backup_key_command failed with status 1"),
        (KeySource(command="echo $HOME"), "the output of backup_key_command holds no base64"),
        (KeySource(command="no-such-command"), "backup_key_command cannot be run"),
        (KeySource(command="'"), "backup_key_command cannot be run"),
    ],
)
def test_a_key_that_cannot_be_had_says_what_to_do(source: KeySource, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem) as raised:
        source.load()
    assert "canary" not in str(raised.value)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(TEXT)
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(SettingsError, match="others can read backup_key_file"):
        KeySource(file=tmp_path / "key").load()
