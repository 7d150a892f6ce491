import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from schemas.errors import StoreError
from store.knowledge import MIGRATIONS, KnowledgeFile

SPECIFIED = {
    "agent_decisions": [
        ("decision_id", "UUID", True), ("timestamp", "TIMESTAMP", True), ("operation_type", "VARCHAR", True),
        ("context", "JSON", True), ("suggestion", "JSON", True), ("approved", "BOOLEAN", False),
        ("executed", "BOOLEAN", False), ("outcome", "JSON", False), ("feedback_score", "FLOAT", False),
    ],
    "observed_patterns": [
        ("pattern_id", "UUID", True), ("pattern_type", "VARCHAR", True), ("pattern_data", "JSON", True),
        ("first_observed", "TIMESTAMP", True), ("last_observed", "TIMESTAMP", True),
        ("occurrence_count", "BIGINT", True), ("confidence", "FLOAT", True),
    ],
    "agent_messages": [
        ("message_id", "UUID", True), ("sender_id", "VARCHAR", True), ("recipient_id", "VARCHAR", True),
        ("message_type", "VARCHAR", True), ("content", "JSON", True), ("sent_timestamp", "TIMESTAMP", True),
        ("delivery_status", "VARCHAR", True), ("response_id", "UUID", False),
    ],
}  # fmt: skip


@pytest.mark.parametrize("table", SPECIFIED)
def test_the_specified_tables_keep_their_columns(table: str) -> None:
    file = KnowledgeFile(Path(":memory:"))
    with file.reading() as tx:
        found = tx.execute(
            "SELECT column_name, data_type, NOT is_nullable FROM duckdb_columns() WHERE table_name = ? "
            "ORDER BY column_index",
            [table],
        ).fetchall()
    assert found == SPECIFIED[table]


def test_what_was_committed_is_there_again_and_what_failed_is_not(tmp_path: Path) -> None:
    file = KnowledgeFile(tmp_path / "deep" / "store.duckdb")
    with file.transaction() as tx:
        tx.execute("INSERT INTO kafka VALUES ('kept')")
    with pytest.raises(duckdb.ConversionException), file.transaction() as tx:
        tx.execute("INSERT INTO kafka VALUES ('lost'); SELECT 'no number'::INTEGER")
    file.close()
    with KnowledgeFile(tmp_path / "deep" / "store.duckdb").reading() as tx:
        assert tx.execute("FROM kafka").fetchall() == [("kept",)]


def test_a_reader_sees_one_state_and_cannot_write(tmp_path: Path) -> None:
    file = KnowledgeFile(tmp_path / "store.duckdb")
    with file.reading() as tx:
        assert tx.execute("SELECT count(*) FROM kafka").fetchone() == (0,)
        with file.transaction() as writer:
            writer.execute("INSERT INTO kafka VALUES ('new')")
        assert tx.execute("SELECT count(*) FROM kafka").fetchone() == (0,)
        with pytest.raises(duckdb.TransactionException, match="read-only"):
            tx.execute("DELETE FROM kafka")
    with file.reading() as tx:
        assert tx.execute("SELECT count(*) FROM kafka").fetchone() == (1,)


@pytest.mark.parametrize(
    "attempt",
    ["COPY kafka TO '{}/out.csv'", "ATTACH '{}/other.duckdb'", "SET threads = 1", "INSTALL httpfs", "LOAD httpfs"],
)
def test_the_file_reaches_nothing_outside_itself(attempt: str, tmp_path: Path) -> None:
    file = KnowledgeFile(tmp_path / "store.duckdb")
    with pytest.raises(duckdb.Error), file.transaction() as tx:
        tx.execute(attempt.format(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} <= {"store.duckdb", "store.duckdb.wal"}


def test_a_second_process_is_refused_with_what_to_do(tmp_path: Path) -> None:
    file = KnowledgeFile(tmp_path / "store.duckdb")
    script = (
        "import sys; from pathlib import Path\n"
        "from store.knowledge import KnowledgeFile; from schemas.errors import StoreError\n"
        "try: KnowledgeFile(Path(sys.argv[1]))\n"
        "except StoreError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "store.duckdb")], capture_output=True, text=True, check=True
    )
    assert "another process has the knowledge file" in done.stdout
    assert "stop that one, or give this one a file of its own by store_path" in done.stdout
    file.close()


def test_a_file_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    newer = tmp_path / "migrations"
    newer.mkdir()
    for script in MIGRATIONS.glob("*.sql"):
        (newer / script.name).write_text(script.read_text())
    (newer / "999_later.sql").write_text("CREATE TABLE later (a INTEGER)")
    KnowledgeFile(tmp_path / "store.duckdb", newer).close()
    with pytest.raises(StoreError, match=r"written by a newer release \(migrations \[999\]\)"):
        KnowledgeFile(tmp_path / "store.duckdb")


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    KnowledgeFile(path).close()
    broken = tmp_path / "migrations"
    broken.mkdir()
    for script in MIGRATIONS.glob("*.sql"):
        (broken / script.name).write_text(script.read_text())
    (broken / "999_half.sql").write_text("CREATE TABLE half (a INTEGER); CREATE TABLE kafka (a INTEGER)")
    with pytest.raises(duckdb.CatalogException):
        KnowledgeFile(path, broken)
    with KnowledgeFile(path).reading() as tx:
        assert tx.execute("SELECT list(number ORDER BY number) FROM migrations").fetchall() == [([*range(1, 9)],)]
        assert tx.execute("FROM duckdb_tables() WHERE table_name = 'half'").fetchall() == []


def test_a_file_that_is_none_is_not_said_to_be_taken_for_its_path(tmp_path: Path) -> None:
    (tmp_path / "clock.duckdb").write_text("text" * 5000)
    with pytest.raises(StoreError, match="clock.duckdb cannot be opened: .* not a valid DuckDB") as raised:
        KnowledgeFile(tmp_path / "clock.duckdb")
    assert type(raised.value) is StoreError


def test_what_is_no_knowledge_file_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "store.duckdb").write_text("text" * 5000)
    with pytest.raises(StoreError, match="cannot be opened"):
        KnowledgeFile(tmp_path / "store.duckdb")
    (tmp_path / "occupied").write_text("")
    with pytest.raises(StoreError, match="cannot be made"):
        KnowledgeFile(tmp_path / "occupied" / "store.duckdb")


def test_a_copy_lies_in_a_folder_of_its_users_alone_and_is_gone_after_use(tmp_path: Path) -> None:
    file = KnowledgeFile(tmp_path / "store.duckdb")
    for _ in range(2):
        with file.copied() as copy:
            assert oct(copy.parent.stat().st_mode & 0o777) == "0o700"
            (copy.parent / "what a killed process left").touch()
    assert [one.name for one in tmp_path.iterdir() if one.is_dir()] == []
    with pytest.raises(duckdb.PermissionException), file.reading() as tx:
        tx.execute(f"ATTACH '{tmp_path / 'elsewhere.duckdb'}'")
    file.close()
