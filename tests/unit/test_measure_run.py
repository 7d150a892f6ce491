from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.actions import (
    AddColumn,
    Aggregate,
    Body,
    ChangeType,
    Cluster,
    ConvertFile,
    CreateIndex,
    CreateSummary,
    DropColumn,
    DropIndex,
    Named,
    Rewrite,
    SortKey,
)
from schemas.expressions import Call, ColumnRef
from schemas.fingerprint import shape
from schemas.measure import full
from schemas.measure.job import Job, Limits, Outcome
from schemas.measure.run import measure
from schemas.records import Candidate, CandidateResult
from tests.jobs import candidate, clone, fingerprint, job, known

ROWS = 400_000
VISITS = f"""
    CREATE TABLE visits AS SELECT range AS id, (hash(range) % 1000)::INTEGER AS place, 'page ' || range AS page,
        (range % 977)::VARCHAR AS code, DATE '2020-01-01' + (hash(range + 7) % 1000)::INTEGER AS day, random() AS amount
    FROM range({ROWS})
"""
BY_PAGE = "SELECT * FROM visits WHERE page = 'page 777'"
PER_DAY = "SELECT day, sum(length(regexp_replace(page, '[0-9]+', 'x'))) FROM visits GROUP BY day"
BY_MONTH = "SELECT count(*) FROM visits WHERE strftime(day, '%Y-%m') = '2021-03'"


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(full, "PAUSE_S", 0.0)


@pytest.fixture(scope="module")
def visits(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return clone(tmp_path_factory.mktemp("visits"), VISITS).read_bytes()


@pytest.fixture
def file(tmp_path: Path, visits: bytes) -> Path:
    found = tmp_path / "clone.duckdb"
    found.write_bytes(visits)
    return found


def only(outcome: Outcome) -> CandidateResult:
    assert outcome.error is None
    [found] = outcome.results
    return found


def measured(file: Path, statements: Sequence[str] | Mapping[str, int], *candidates: Candidate) -> Outcome:
    return measure(job(file, statements, candidates), file.parent)


def rewritten(statement: str, text: str) -> Rewrite:
    """The text with the original's placeholders."""
    return Rewrite(fingerprint=fingerprint(statement), statement=text)


INDEX = CreateIndex(table="visits", name="by_page", columns=["page"])
SUMMARY = CreateSummary(
    table="visits",
    name="per_day",
    alias="v",
    group_by=[Named(name="day", expression=ColumnRef(name="day", table="v"))],
    aggregates=[
        Aggregate(
            name="total",
            function="sum",
            argument=Call(function="length", arguments=[ColumnRef(name="page", table="v")]),
        )
    ],
)
BY_LENGTH = "SELECT day, sum(length(page)) FROM visits WHERE length(reverse(page)) > 3 GROUP BY day"


def test_a_selective_index_gains_and_its_cost_is_told(file: Path) -> None:
    insert = "INSERT INTO visits VALUES (9000000, 5, 'page x', '7', DATE '2020-01-01', 0.5)"
    found = only(measured(file, [BY_PAGE, insert], candidate("i", INDEX, affected=[BY_PAGE, insert])))
    assert (found.verdict, found.stage, found.order) == ("gain", "measured", 1)
    [query] = found.queries
    assert query.equal == "equal"
    assert query.k >= 8
    assert 5 < query.low <= query.speedup <= query.high
    assert query.aa_low < 1 < query.aa_high
    assert found.extra_bytes > ROWS * 8
    assert found.build_s > 0
    assert found.peak_bytes > 0
    assert found.writes == 4


def test_a_rewrite_gains_without_a_change_of_the_database(file: Path) -> None:
    text = "SELECT count(*) FROM visits WHERE day >= strptime($2 || '-01', '%Y-%m-%d')::DATE AND day < '2021-04-01'"
    found = only(measured(file, [BY_MONTH], candidate("r", rewritten(BY_MONTH, text), affected=[BY_MONTH])))
    assert (found.verdict, found.extra_bytes, found.build_s) == ("gain", 0, 0)
    assert found.queries[0].low > 3


def test_identical_statements_are_no_gain(file: Path) -> None:
    same = candidate("same", rewritten(PER_DAY, shape(PER_DAY).text), affected=[PER_DAY])
    assert only(measured(file, [PER_DAY], same)).verdict in ("no gain", "inconclusive")


def test_an_index_that_no_query_uses_is_no_gain(file: Path) -> None:
    unused = CreateIndex(table="visits", name="by_place", columns=["place"])
    assert only(measured(file, [PER_DAY], candidate("u", unused, affected=[PER_DAY]))).verdict == "no gain"


def test_harm_is_told_as_harm(file: Path) -> None:
    by_id = "SELECT count(*), min(page) FROM visits WHERE id BETWEEN 1000 AND 2000"
    text = (
        "SELECT count(*), min(page) FROM visits WHERE CAST(id AS VARCHAR) || regexp_replace(page, 'a.*z', '') <> '' "
        "AND id - 0 BETWEEN $1 AND $2"
    )
    found = only(measured(file, [by_id], candidate("h", rewritten(by_id, text), affected=[by_id])))
    assert found.verdict == "harm"


def test_what_one_query_gains_another_may_lose(file: Path) -> None:
    """A summary helps the one, an awful text harms the other, which runs as often."""
    text = (
        "SELECT * FROM visits WHERE page = $1 AND (SELECT count(*) FROM visits v "
        "WHERE regexp_replace(v.page, '[0-9]', 'x', 'g') <> '') > 1"
    )
    both = candidate("b", rewritten(BY_MONTH, BY_MONTH_FAST), rewritten(BY_PAGE, text), affected=[BY_MONTH, BY_PAGE])
    found = only(measured(file, [BY_MONTH, BY_PAGE], both))
    assert found.verdict == "harm"


BY_MONTH_FAST = "SELECT count(*) FROM visits WHERE $1 <> '' AND day BETWEEN '2021-03-01' AND '2021-03-31'"


def test_other_results_are_found(file: Path) -> None:
    text = "SELECT count(*) FROM visits WHERE day >= '2021-03-01' AND day <= '2021-04-01'"
    found = only(measured(file, [BY_MONTH], candidate("d", rewritten(BY_MONTH, text), affected=[BY_MONTH])))
    assert (found.verdict, found.order) == ("different results", 0)


def test_a_summary_and_its_rewrite_are_one_candidate(file: Path) -> None:
    total = "SELECT day, sum(length(page)) FROM visits GROUP BY day"
    with_summary = candidate("s", SUMMARY, rewritten(total, "SELECT day, total FROM per_day"), affected=[total])
    found = only(measured(file, [total], with_summary))
    assert (found.verdict, found.queries[0].equal) == ("gain", "equal")


def test_the_second_is_measured_on_top_of_the_first(file: Path) -> None:
    """Each gains by itself, but after the first there is nothing left."""
    other = INDEX.model_copy(update={"name": "by_page_again"})
    outcome = measured(
        file, [BY_PAGE], candidate("one", INDEX, affected=[BY_PAGE]), candidate("two", other, affected=[BY_PAGE])
    )
    assert sorted((one.verdict == "gain", one.order) for one in outcome.results) == [(False, 0), (True, 1)]


def test_a_type_is_changed_where_every_value_converts(file: Path) -> None:
    by_code = "SELECT count(*), sum(amount) FROM visits WHERE CAST(code AS INTEGER) = 55"
    listed = "SELECT code FROM visits WHERE id < 10"
    change = ChangeType(table="visits", column="code", from_type="VARCHAR", to_type="INTEGER")
    found = only(measured(file, {by_code: 100, listed: 1}, candidate("t", change, affected=[by_code, listed])))
    assert found.verdict == "gain"
    assert {one.fingerprint: one.equal for one in found.queries}[fingerprint(listed)] == "same values, other type"


def test_a_type_that_values_do_not_fit_is_refused_with_their_count(file: Path) -> None:
    change = ChangeType(table="visits", column="page", from_type="VARCHAR", to_type="INTEGER")
    found = only(measured(file, [BY_PAGE], candidate("t", change, affected=[BY_PAGE])))
    assert (found.verdict, f"{ROWS:,} values of the clone are no INTEGER" in found.reason) == ("not measurable", True)


def test_a_type_that_would_change_how_values_read_is_refused(tmp_path: Path) -> None:
    file = clone(tmp_path, "CREATE TABLE t AS SELECT '00' || range AS code FROM range(1000)")
    change = ChangeType(table="t", column="code", from_type="VARCHAR", to_type="INTEGER")
    query = "SELECT count(*) FROM t WHERE code = '007'"
    found = only(measured(file, [query], candidate("t", change, affected=[query])))
    assert "1,000 values of the clone would read otherwise as INTEGER" in found.reason


def test_a_dropped_index_pays_in_space_and_writes(file: Path) -> None:
    insert = "INSERT INTO visits VALUES (9000000, 5, 'page x', '7', DATE '2020-01-01', 0.5)"
    drop = DropIndex(table="visits", name="by_place", columns=["place"])
    work = job(
        file,
        [PER_DAY, insert],
        [candidate("d", drop, affected=[PER_DAY, insert])],
        indexes=["CREATE INDEX by_place ON visits(place)"],
    )
    found = only(measure(work, file.parent))
    assert (found.verdict, found.extra_bytes < 0, found.writes) == ("gain", True, 4)


def test_a_dropped_column_that_is_read_is_refused(file: Path) -> None:
    drop = DropColumn(table="visits", column="page")
    found = only(measured(file, [BY_PAGE], candidate("d", drop, affected=[BY_PAGE])))
    assert (found.verdict, "BinderException" in found.reason) == ("not measurable", True)


def test_a_column_that_breaks_an_insert_is_harm(file: Path) -> None:
    insert = "INSERT INTO visits VALUES (9000000, 5, 'page x', '7', DATE '2020-01-01', 0.5)"
    month = Call(function="strftime", arguments=[ColumnRef(name="day"), ColumnRef(name="code")])
    add = AddColumn(table="visits", column="month", type="VARCHAR", expression=month.model_copy(
        update={"arguments": [ColumnRef(name="day"), *FORMAT]}))
    text = "SELECT count(*) FROM visits WHERE month = $2 AND $1 <> ''"
    both = candidate("a", add, rewritten(BY_MONTH, text), affected=[BY_MONTH, insert])
    found = only(measured(file, [BY_MONTH, insert], both))
    assert (found.verdict, "the write" in found.reason) == ("harm", True)
