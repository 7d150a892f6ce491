from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import duckdb
import pytest

from schemas.actions import Body, ChangeType, CreateIndex
from schemas.errors import NotMeasurable
from schemas.measure.files import Copies
from schemas.measure.queries import Side
from schemas.measure.session import Session
from schemas.measure.workbench import Workbench
from schemas.measure.writes import REPEATS, WriteCost, _fails, write_cost
from tests.jobs import clone, fingerprint, job, known

TABLES = """
    CREATE TABLE keyed (a INTEGER, b VARCHAR, v INTEGER, PRIMARY KEY (a, b));
    INSERT INTO keyed SELECT range, 'b, ' || range % 3, range % 10 FROM range(5000);
    CREATE TABLE plain AS SELECT range AS id, range % 10 AS v FROM range(5000);
    CREATE TABLE texts AS SELECT range::VARCHAR AS t FROM range(10);
"""


def cost_of(tmp_path: Path, statements: Sequence[str], *bodies: Body) -> WriteCost:
    file = clone(tmp_path, TABLES)
    work = job(file, statements, [])
    bench = Workbench(work, tmp_path, tmp_path)
    built = bench.build(bodies, 60)
    session = Session(work, bench, Copies(tmp_path / "files", 0), Side(bench.reading(file)), monotonic() + 60)
    before = file.read_bytes()
    try:
        shapes = {known(one)[0].fingerprint: known(one)[0] for one in statements}
        found = write_cost(session, built.file, list(shapes.values()))
    finally:
        session.before.sandbox.close()
    assert file.read_bytes() == before
    built.file.unlink()
    assert [one.name for one in tmp_path.iterdir()] == ["clone.duckdb"]
    return found


INDEX = CreateIndex(table="plain", name="by_v", columns=["v"])


def test_every_write_is_replayed_and_committed_on_copies(tmp_path: Path) -> None:
    """A delete finds its rows once, the others find something to do every time."""
    writes = [
        "INSERT INTO plain VALUES (9000, 1)",
        "UPDATE plain SET v = 3 WHERE id = 77",
        "DELETE FROM plain WHERE id = 78",
        "INSERT INTO plain SELECT id + 100000, v FROM plain LIMIT 50",
    ]
    found = cost_of(tmp_path, writes, INDEX)
    assert (found.replayed, found.problems, found.broken) == (3 * REPEATS + 1, {}, {})
    assert found.ratio.low <= found.ratio.median <= found.ratio.high


def test_an_index_makes_writes_slower(tmp_path: Path) -> None:
    indexes = [CreateIndex(table="plain", name=f"by_{n}", columns=["v"]) for n in range(20)]
    found = cost_of(tmp_path, ["INSERT INTO plain SELECT range, range FROM range(20000)"], *indexes)
    assert found.ratio.median > 1.5
    assert found.extra_s > 0


def test_an_insert_is_replayed_although_its_key_is_there_already(tmp_path: Path) -> None:
    writes = ["INSERT INTO keyed VALUES (7, 'b, 1', 5), (8, 'b, 2', 5), (9999, 'x', 5)"]
    found = cost_of(tmp_path, writes, INDEX)
    assert (found.replayed, found.problems) == (REPEATS, {})


def test_a_write_that_changes_nothing_is_no_measurement(tmp_path: Path) -> None:
    gone = "DELETE FROM plain WHERE id = 123456789"
    found = cost_of(tmp_path, [gone], INDEX)
    assert (found.replayed, found.ratio.median) == (0, 1.0)
    assert found.problems == {fingerprint(gone): "its replays change no rows of the clone"}


def test_exemplars_of_one_shape_are_all_replayed(tmp_path: Path) -> None:
    deletes = [f"DELETE FROM plain WHERE id = {number}" for number in (1, 2, 3)]
    assert cost_of(tmp_path, deletes, INDEX).replayed == 3


def test_a_write_that_the_change_breaks_is_told(tmp_path: Path) -> None:
    write = "INSERT INTO texts VALUES ('no number')"
    change = ChangeType(table="texts", column="t", from_type="VARCHAR", to_type="INTEGER")
    found = cost_of(tmp_path, [write], change)
    assert found.broken == {fingerprint(write): "a value cannot be converted (ConversionException)"}


@pytest.mark.parametrize("statement", ["COPY plain TO 'x.csv'", "SELECT 1", "DROP TABLE plain"])
def test_what_is_no_write_is_not_replayed(tmp_path: Path, statement: str) -> None:
    found = cost_of(tmp_path, [statement], INDEX)
    assert (found.replayed, list(found.problems)) == (0, [fingerprint(statement)])


@pytest.mark.parametrize(
    ("cause", "fails"),
    [
        (duckdb.ConversionException("x"), True),
        (duckdb.InterruptException("x"), False),
        (MemoryError(), False),
        (None, False),
    ],
)
def test_only_what_duckdb_refuses_is_broken(cause: Exception | None, fails: bool) -> None:
    """A write that the end of the budget interrupts might have passed."""
    error = NotMeasurable("whatever")
    error.__cause__ = cause
    assert _fails(error) is fails
