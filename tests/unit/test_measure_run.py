from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import sleep

import pytest

from schemas.actions import (
    AddColumn,
    Aggregate,
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
from schemas.expressions import Call, ColumnRef, Constant
from schemas.fingerprint import shape
from schemas.measure import full, queries
from schemas.measure.job import Job, Limits, Outcome
from schemas.measure.order import Survivor
from schemas.measure.queries import Query
from schemas.measure.run import Measurement, measure
from schemas.measure.session import Session
from schemas.records import Candidate, CandidateResult
from tests.jobs import candidate, clone, fingerprint, job, known

pytestmark = pytest.mark.alone

ROWS = 400_000
VISITS = f"""
    CREATE TABLE visits AS SELECT range AS id, (hash(range) % 1000)::INTEGER AS place,
        'the page with the number ' || range AS page,
        (range % 977)::VARCHAR AS code,
        DATE '2020-01-01' + (hash(range + 7) % 1000)::INTEGER AS day, random() AS amount
    FROM range({ROWS})
"""
BY_PAGE = "SELECT * FROM visits WHERE page = 'the page with the number 777'"
BY_MONTH_FAST = "SELECT count(*) FROM visits WHERE $1 <> '' AND day BETWEEN '2021-03-01' AND '2021-03-31'"
PER_DAY = "SELECT day, sum(amount), max(page) FROM visits GROUP BY day"
BY_MONTH = "SELECT count(*) FROM visits WHERE strftime(day, '%Y-%m') = '2021-03'"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause, and no more rounds than the least: what is told here is beyond doubt after them."""
    monkeypatch.setattr(full, "PAUSE_S", 0.0)
    monkeypatch.setattr(full, "LONG_ENOUGH_S", 0.0)


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


def test_a_selective_index_gains_and_its_cost_is_told(file: Path) -> None:
    insert = "INSERT INTO visits VALUES (9000000, 5, 'page x', '7', DATE '2020-01-01', 0.5)"
    found = only(measured(file, {BY_PAGE: 500, insert: 100}, candidate("i", INDEX, affected=[BY_PAGE, insert])))
    assert (found.verdict, found.stage, found.order) == ("gain", "measured", 1)
    [query] = found.queries
    assert query.equal == "equal"
    assert query.k >= 8
    assert 1.2 < query.low <= query.speedup <= query.high
    assert (found.speedup, found.low, found.high) == (query.speedup, query.low, query.high)
    assert query.aa_low <= query.aa_high < found.low
    assert found.extra_bytes > ROWS * 8
    assert found.build_s > 0
    assert found.peak_bytes > 0
    assert found.writes == 4


def test_a_rewrite_gains_without_a_change_of_the_database(file: Path) -> None:
    found = only(measured(file, [BY_MONTH], candidate("r", rewritten(BY_MONTH, BY_MONTH_FAST), affected=[BY_MONTH])))
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
        "SELECT count(*), min(page) FROM visits WHERE id BETWEEN $1 AND $2 AND "
        "(SELECT count(*) FROM visits v WHERE regexp_replace(v.page, '[0-9]', 'x', 'g') <> '') > 1"
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
    assert (found.verdict, found.extra_bytes < 0, found.writes) == ("gain", True, 4), found


def test_a_dropped_column_that_is_read_is_refused(file: Path) -> None:
    drop = DropColumn(table="visits", column="page")
    found = only(measured(file, [BY_PAGE], candidate("d", drop, affected=[BY_PAGE])))
    assert (found.verdict, "BinderException" in found.reason) == ("not measurable", True)


def test_a_column_that_breaks_an_insert_is_harm(file: Path) -> None:
    insert = "INSERT INTO visits VALUES (9000000, 5, 'page x', '7', DATE '2020-01-01', 0.5)"
    month = Call(function="strftime", arguments=[ColumnRef(name="day"), Constant(value="%Y-%m")])
    add = AddColumn(table="visits", column="month", type="VARCHAR", expression=month)
    text = "SELECT count(*) FROM visits WHERE month = $1"
    both = candidate("a", add, rewritten(BY_MONTH, text), affected=[BY_MONTH, insert])
    found = only(measured(file, [BY_MONTH, insert], both))
    assert (found.verdict, "the write" in found.reason) == ("harm", True)


def reasons(work: Job, folder: Path) -> dict[str, str]:
    return measure(work, folder).not_measurable


def test_what_cannot_be_measured_is_said_and_the_rest_goes_on(file: Path) -> None:
    expected = {
        "SELECT * FROM a_frame_of_python": "it names a table, view, type or function that the clone lacks "
        "(CatalogException)",
        "SELECT count(*) FROM visits, visits a, visits b": "it runs too long",
        "SELECT CAST(page AS INTEGER) FROM visits": "a value cannot be converted (ConversionException)",
        "SELECT * FROM 's3://bucket/visits.parquet'": "it reads a file that is not on this machine",
        "SELECT * FROM '/nowhere/visits.csv'": "it reads a file that is gone",
        "SELECT * FROM read_text('/etc/passwd')": "it calls read_text",
        "CREATE TABLE x AS SELECT 1": "a statement of the kind 'ddl' is not measured",
    }
    useless = [candidate(f"u{n}", INDEX, affected=[statement]) for n, statement in enumerate(expected)]
    useful = candidate("i", INDEX.model_copy(update={"name": "useful"}), affected=[*expected, BY_PAGE])
    work = job(file, [*expected, BY_PAGE], [*useless, useful], limits=Limits(free_bytes=0, query_s=1))
    outcome = measure(work, file.parent)
    assert outcome.error is None
    assert set(outcome.not_measurable) == {fingerprint(statement) for statement in expected}
    told = [outcome.not_measurable[fingerprint(statement)] for statement in expected]
    assert [one.startswith(reason) for one, reason in zip(told, expected.values(), strict=True)] == [True] * 7, told
    *refused, gained = outcome.results
    assert [(one.verdict, one.queries) for one in refused] == [("not measurable", [])] * 7
    assert [reason in one.reason for one, reason in zip(refused, expected.values(), strict=True)] == [True] * 7
    assert (gained.verdict, len(gained.queries)) == ("gain", 1)


def test_a_shape_without_an_exemplar_is_not_measurable(file: Path) -> None:
    work = job(file, [BY_PAGE], [candidate("i", INDEX, affected=[BY_PAGE])]).model_copy(update={"exemplars": {}})
    assert reasons(work, file.parent) == {fingerprint(BY_PAGE): "no concrete statement of it was kept"}


def test_a_text_that_is_not_of_its_fingerprint_is_not_run(file: Path) -> None:
    forged = known(BY_PAGE)[0].model_copy(update={"statement": "SELECT * FROM visits WHERE page <> $1"})
    work = job(file, [BY_PAGE], [candidate("i", INDEX, affected=[BY_PAGE])], workload=[forged])
    assert reasons(work, file.parent) == {fingerprint(BY_PAGE): "its text and its fingerprint do not belong together"}


def test_no_reason_repeats_a_value(file: Path) -> None:
    failing = "SELECT CAST('hunter2' AS INTEGER) FROM visits"
    outcome = measured(file, [failing], candidate("i", INDEX, affected=[failing]))
    assert "hunter2" not in outcome.model_dump_json()


def test_a_rewritten_text_goes_through_the_gate(file: Path) -> None:
    escape = rewritten(BY_PAGE, "SELECT content FROM read_text('/etc/passwd') WHERE $1 <> ''")
    found = only(measured(file, [BY_PAGE], candidate("e", escape, affected=[BY_PAGE])))
    assert (found.verdict, "read_text" in found.reason) == ("not measurable", True)


def test_a_candidate_of_an_unknown_kind_is_refused(file: Path) -> None:
    good = candidate("x", INDEX, affected=[BY_PAGE])
    strange = good.model_copy(update={"actions": [good.actions[0].model_copy(update={"kind": "format_disk"})]})
    found = only(measured(file, [BY_PAGE], strange))
    assert (found.verdict, "unknown action 'format_disk'" in found.reason) == ("not measurable", True)


def test_a_file_is_measured_as_parquet_on_a_copy(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    file = clone(
        tmp_path,
        f"COPY (SELECT range AS id, hash(range) AS h FROM range({ROWS})) TO '{data}/part.csv'",
    )
    query = f"SELECT count(*) FROM read_csv('{data}/*.csv', header = true) WHERE id BETWEEN 1000 AND 2000"
    [(name, _)] = shape(query, salt=b"salt").files
    convert = ConvertFile(file=name, keys=[SortKey(column="id")])
    found = only(measured(file, [query], candidate("f", convert, affected=[query])))
    assert (found.verdict, found.queries[0].equal, found.extra_bytes > ROWS) == ("gain", "equal", True)
    assert sorted(one.name for one in data.iterdir()) == ["part.csv"]


def test_more_bytes_of_files_than_allowed_are_not_copied(tmp_path: Path) -> None:
    file = clone(tmp_path, f"COPY (SELECT range AS id FROM range(1000)) TO '{tmp_path}/large.csv'")
    query = f"SELECT count(*) FROM '{tmp_path}/large.csv'"
    work = job(file, [query], [candidate("i", INDEX, affected=[query])], limits=Limits(free_bytes=0, file_bytes=1000))
    assert "more than may be copied" in reasons(work, tmp_path)[fingerprint(query)]


def test_on_a_sample_an_index_is_unproved_and_a_scan_is_not(file: Path) -> None:
    fast = rewritten(BY_MONTH, BY_MONTH_FAST)
    work = job(
        file,
        [BY_PAGE, BY_MONTH],
        [candidate("i", INDEX, affected=[BY_PAGE]), candidate("r", fast, affected=[BY_MONTH])],
        kind="sample",
        share=0.1,
    )
    outcome = measure(work, file.parent)
    assert [(one.verdict, one.queries[0].unproved) for one in outcome.results] == [("gain", True), ("gain", False)]
    assert (outcome.machine.clone, outcome.machine.share) == ("sample", 0.1)


def test_a_sample_of_few_rows_proves_nothing(file: Path) -> None:
    fast = candidate("r", rewritten(BY_MONTH, BY_MONTH_FAST), affected=[BY_MONTH])
    work = job(file, [BY_MONTH], [fast], kind="sample", share=0.1, rows=ROWS)
    assert only(measure(work, file.parent)).queries[0].unproved


def test_a_snapshot_is_written_afresh_with_its_indexes(tmp_path: Path) -> None:
    gaps = "DELETE FROM visits WHERE id % 3 = 0"
    file = clone(tmp_path, VISITS, "CHECKPOINT", gaps, "CREATE INDEX by_place ON visits(place)")
    drop = DropIndex(table="visits", name="by_place", columns=["place"])
    found = only(measure(job(file, [PER_DAY], [candidate("d", drop, affected=[PER_DAY])], kind="snapshot"), tmp_path))
    assert (found.verdict, found.extra_bytes < 0) == ("gain", True)


def test_clustering_keeps_what_the_table_has_and_gains_where_ranges_are_read(tmp_path: Path) -> None:
    file = clone(
        tmp_path,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, place INTEGER NOT NULL, page VARCHAR DEFAULT 'p')",
        "INSERT INTO t SELECT range, hash(range) % 100000, repeat('page ' || range, 8) FROM range(1200000)",
    )
    query = "SELECT count(*), sum(length(page)) FROM t WHERE place BETWEEN 100 AND 110 OR place BETWEEN 120 AND 125"
    cluster = Cluster(table="t", keys=[SortKey(column="place")])
    found = only(measured(file, [query], candidate("c", cluster, affected=[query])))
    assert (found.verdict, found.queries[0].equal) == ("gain", "equal")


def test_a_type_is_not_changed_under_a_statement_that_cannot_be_tried(file: Path) -> None:
    by_code = "SELECT count(*), sum(amount) FROM visits WHERE CAST(code AS INTEGER) = 55"
    unknown = "SELECT code, a FROM visits, a_frame_of_python"
    change = ChangeType(table="visits", column="code", from_type="VARCHAR", to_type="INTEGER")
    found = only(measured(file, [by_code, unknown], candidate("t", change, affected=[by_code, unknown])))
    assert found.verdict == "not measurable"
    assert found.reason.startswith("1 of the statements that see the other type cannot be tried, such as ")


def test_a_candidate_whose_gain_cannot_be_seen_is_not_measurable(file: Path) -> None:
    unknown = "SELECT * FROM a_frame_of_python"
    one = candidate("i", INDEX, affected=[unknown, PER_DAY]).model_copy(update={"gaining": [fingerprint(unknown)]})
    found = only(measured(file, [unknown, PER_DAY], one))
    assert found.verdict == "not measurable"
    assert found.reason.startswith("no query that it should help can be measured: it names a table")


def test_comparing_two_results_is_no_part_of_how_long_a_query_takes(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "compare", lambda *_: sleep(0.5) or "equal")
    seen: list[Query] = []
    original = Measurement._screen

    def screen(self: Measurement, session: Session) -> list[Survivor]:
        seen.extend(session.queries.values())
        return original(self, session)

    monkeypatch.setattr(Measurement, "_screen", screen)
    measured(file, [PER_DAY], candidate("u", INDEX, affected=[PER_DAY]))
    assert [query.run_s < 0.5 for query in seen] == [True]


def test_without_time_everything_is_not_reached(file: Path) -> None:
    work = job(file, [BY_PAGE], [candidate("i", INDEX, affected=[BY_PAGE])], budget_s=0.0)
    found = only(measure(work, file.parent))
    assert (found.verdict, found.stage) == ("not reached", "proposed")


def test_after_its_deadline_a_request_is_not_worked_at(file: Path) -> None:
    work = job(file, [BY_PAGE], [candidate("i", INDEX, affected=[BY_PAGE])], deadline=datetime(2020, 1, 1, tzinfo=UTC))
    assert only(measure(work, file.parent)).verdict == "not reached"


def test_without_room_for_a_copy_what_needs_none_goes_on(file: Path) -> None:
    work = job(
        file,
        [BY_PAGE, BY_MONTH],
        [
            candidate("i", INDEX, affected=[BY_PAGE]),
            candidate("r", rewritten(BY_MONTH, BY_MONTH_FAST), affected=[BY_MONTH]),
        ],
        limits=Limits(free_bytes=2**60),
    )
    outcome = measure(work, file.parent)
    assert [one.verdict for one in outcome.results] == ["not measurable", "gain"]
    assert "must stay" in outcome.results[0].reason


def test_what_is_no_database_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "clone.duckdb"
    file.write_bytes(b"no database" * 1000)
    outcome = measure(job(file, [BY_PAGE], [candidate("i", INDEX, affected=[BY_PAGE])]), tmp_path)
    assert "the clone cannot be" in (outcome.error or "")


def test_the_outcome_so_far_is_saved_after_every_step(file: Path) -> None:
    saved: list[Outcome] = []
    bad = candidate(
        "bad", ChangeType(table="visits", column="page", from_type="VARCHAR", to_type="DATE"), affected=[BY_PAGE]
    )
    work = job(file, [BY_PAGE], [bad, candidate("i", INDEX, affected=[BY_PAGE])])
    measure(work, file.parent, save=saved.append)
    assert [len(one.results) for one in saved] == sorted(len(one.results) for one in saved)
    assert len(saved[-1].results) == 1


def test_nothing_is_left_in_the_folder_but_the_clone(file: Path) -> None:
    measured(file, [BY_PAGE], candidate("i", INDEX.model_copy(update={"columns": ["place"]}), affected=[BY_PAGE]))
    assert [one.name for one in file.parent.iterdir()] == ["clone.duckdb"]
