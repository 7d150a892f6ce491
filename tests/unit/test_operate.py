"""An order is carried out whole or not at all, loses nothing, and is told from what can be seen."""

import resource
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
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
    DropTable,
    Named,
    RenameColumn,
    RenameTable,
    SortKey,
    pack,
)
from schemas.client.catalog import place_of, structure
from schemas.expressions import ColumnRef, Constant, Operation
from schemas.operate import place, run, transaction
from schemas.operate.run import Result
from schemas.plan import steps
from schemas.records import Limits
from schemas.render import by_name
from tests.operating import SALT, Killed, Shop, killed_at, order_of, replaced

BY_DAY = Cluster(table="visits", keys=[SortKey(column="day")])
INDEX = CreateIndex(table="visits", name="visits_page", columns=["page"])
NUMBER = ChangeType(table="visits", column="number", from_type="VARCHAR", to_type="INTEGER")
PAGE = ChangeType(table="visits", column="page", from_type="VARCHAR", to_type="ENUM")
DOUBLE = AddColumn(
    table="visits",
    column="double",
    type="BIGINT",
    expression=Operation(operator="*", left=ColumnRef(name="id"), right=Constant(value=2)),
)
SUMMARY = CreateSummary(
    table="visits", name="by_page", alias="v", group_by=[Named(name="page", expression=ColumnRef(name="page"))],
    aggregates=[Aggregate(name="n", function="count")],
)  # fmt: skip
HIDDEN_COLUMN = RenameColumn(table="visits", column="number", to="number to drop")
HIDDEN = RenameTable(table="visits", to="visits to drop")
UNINDEXED = DropIndex(table="visits", name="visits_day", columns=["day"])
EACH: list[tuple[Body, ...]] = [
    (BY_DAY,),
    (INDEX,),
    (UNINDEXED,),
    (NUMBER,),
    (PAGE,),
    (DOUBLE,),
    (SUMMARY,),
    (NUMBER, PAGE, INDEX, BY_DAY, SUMMARY),
    (BY_DAY, NUMBER, UNINDEXED),
]


def named(bodies: tuple[Body, ...]) -> str:
    return "+".join(body.kind for body in bodies)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    made.connection.execute("""
        CREATE TABLE parent(k INTEGER PRIMARY KEY);
        INSERT INTO parent SELECT range FROM range(10);
        CREATE TABLE visits(
            id INTEGER PRIMARY KEY, day DATE NOT NULL DEFAULT DATE '2020-01-01', page VARCHAR CHECK (length(page) < 9),
            code VARCHAR UNIQUE, parent INTEGER REFERENCES parent(k), twice INTEGER GENERATED ALWAYS AS (id * 2),
            number VARCHAR
        );
        CREATE INDEX visits_day ON visits(day);
        COMMENT ON INDEX visits_day IS 'for the days'' report';
        COMMENT ON TABLE visits IS 'all visit''s';
        COMMENT ON COLUMN visits.page IS 'its path';
        COMMENT ON COLUMN visits.number IS 'of the visit';
        CREATE VIEW recent AS SELECT * FROM visits WHERE day > DATE '2020-02-01';
        INSERT INTO visits BY NAME SELECT range AS id, DATE '2020-01-01' + (range * 7 % 60)::INTEGER AS day,
            'p' || range % 5 AS page, 'c' || range AS code, range % 10 AS parent, (range * 3)::VARCHAR AS number
        FROM range(5000);
    """)
    yield made
    made.connection.close()


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Shop]:
    """Without constraints on the columns that change their types."""
    made = Shop(tmp_path)
    made.connection.execute("""
        CREATE TABLE visits(
            id INTEGER PRIMARY KEY CHECK (id > -9), day DATE NOT NULL DEFAULT DATE '2020-01-01', page VARCHAR,
            twice INTEGER GENERATED ALWAYS AS (id * 2), number VARCHAR DEFAULT '3'
        );
        CREATE INDEX visits_day ON visits(day);
        COMMENT ON INDEX visits_day IS 'for the days'' report';
        COMMENT ON TABLE visits IS 'all visit''s';
        COMMENT ON COLUMN visits.page IS 'its path';
        COMMENT ON COLUMN visits.number IS 'of the visit';
        CREATE VIEW recent AS SELECT * FROM visits WHERE day > DATE '2020-02-01';
        INSERT INTO visits BY NAME SELECT range AS id, DATE '2020-01-01' + (range * 7 % 60)::INTEGER AS day,
            'p' || range % 5 AS page, (range * 3)::VARCHAR AS number FROM range(5000);
    """)
    yield made
    made.connection.close()


@pytest.mark.parametrize("bodies", EACH, ids=named)
def test_a_plan_is_carried_out_and_taken_back_and_all_is_as_before(plain: Shop, bodies: tuple[Body, ...]) -> None:
    before, order = plain.look(), plain.order(*bodies)
    executor = plain.executor()
    assert executor.carry_out(order).state == "done"
    changed = plain.look()
    assert changed != before or bodies == (BY_DAY,)
    assert len(changed["rows"]) == 5000
    assert executor.carry_out(order) == Result("done", "it was so already")
    again = order.model_copy(update={"operation_id": "operation-9"})
    assert executor.carry_out(again) == Result("refused", "operation operation-1 has done it already")
    back = order.model_copy(update={"kind": "revert", "operation_id": "operation-2"})
    assert executor.carry_out(back).state == "done"
    assert plain.look() == before
    assert executor.carry_out(back) == Result("done", "it was so already")


@pytest.mark.parametrize(
    ("body", "asked", "there"),
    [
        (HIDDEN, "FROM visits", 'SELECT count(*) FROM "visits to drop"'),
        (HIDDEN_COLUMN, "SELECT number FROM visits", 'SELECT count("number to drop") FROM visits'),
    ],
    ids=["table", "column"],
)
def test_what_is_put_out_of_sight_comes_back_with_all_that_it_had(
    shop: Shop, body: Body, asked: str, there: str
) -> None:
    shop.connection.execute("DROP VIEW recent")
    before, order = shop.look(), shop.order(body)
    assert shop.executor().carry_out(order) == Result("done", "3 moves")
    with pytest.raises((duckdb.CatalogException, duckdb.BinderException)):
        shop.connection.execute(asked)
    assert shop.connection.execute(there).fetchall()[0] == (len(before["rows"]),)
    back = order.model_copy(update={"kind": "revert", "operation_id": "operation-2"})
    assert shop.executor().carry_out(back).state == "done"
    assert shop.look() == before


def test_rows_that_lay_in_an_order_lie_in_it_again_when_a_rebuild_is_taken_back(plain: Shop) -> None:
    read = "SELECT id FROM visits"
    was = plain.connection.execute(read).fetchall()
    tables = by_name(structure(plain.connection, place_of(plain.connection).database))
    table = tables["main", "visits"]
    ordered = [one.model_copy(update={"ordered": 1.0 if one.name == "id" else 0.5}) for one in table.columns]
    tables["main", "visits"] = table.model_copy(update={"columns": ordered})
    planned, _ = steps([pack(BY_DAY)], tables, Limits(build_s=60, extra_bytes=0, peak_bytes=0))
    order = order_of(planned, file_id=place_of(plain.connection).file_id(SALT))
    assert plain.executor().carry_out(order).state == "done"
    assert plain.connection.execute(read).fetchall() != was
    back = order.model_copy(update={"kind": "revert", "operation_id": "operation-2"})
    assert plain.executor().carry_out(back) == Result("done", "1 moves")
    assert plain.connection.execute(read).fetchall() == was
    assert plain.executor().carry_out(back) == Result("done", "it was so already")


def test_constraints_comments_defaults_indexes_and_views_are_kept(shop: Shop) -> None:
    before = shop.look()
    unordered = shop.connection.execute("SELECT day FROM visits").fetchall()
    assert shop.executor().carry_out(shop.order(BY_DAY)) == Result("done", "1 moves")
    assert shop.look() == before
    assert shop.connection.execute("SELECT day FROM visits").fetchall() == sorted(unordered)
    with pytest.raises(duckdb.ConstraintException):
        shop.connection.execute("INSERT INTO visits(id, page) VALUES (7, 'x')")


@pytest.mark.parametrize("bodies", EACH, ids=named)
def test_killed_at_every_move_it_is_as_before_or_as_promised_and_known_by_looking(
    plain: Shop, bodies: tuple[Body, ...]
) -> None:
    before, order = plain.look(), plain.order(*bodies)
    moves, seen = 0, []
    while True:
        try:
            plain.executor(at_move=killed_at(moves)).carry_out(order)
        except Killed:
            pass
        else:
            break
        plain.connection.close()
        plain.connection = duckdb.connect(plain.file)
        (entry,) = plain.ledger().entries
        assert entry.outcome is None
        result = plain.executor().recover(entry)
        seen.append(result.state)
        if result.state == "undone":
            assert plain.look() == before
        moves += 1
    assert seen == ["undone"] * (moves - 1) + ["done"]


def test_killed_while_it_is_taken_back_it_is_taken_back_to_the_end(plain: Shop) -> None:
    before, order = plain.look(), plain.order(NUMBER, INDEX, BY_DAY)
    assert plain.executor().carry_out(order).state == "done"
    back = order.model_copy(update={"kind": "revert", "operation_id": "operation-2"})
    with pytest.raises(Killed):
        plain.executor(at_move=killed_at(2)).carry_out(back)
    entry = plain.ledger().find("operation-2")
    assert entry
    assert plain.executor().recover(entry) == Result("done", "it was cut off after 2 of 5 moves, and gone on with")
    assert plain.look() == before


def test_where_a_move_fails_those_before_it_are_taken_back(plain: Shop) -> None:
    order = plain.order(NUMBER, DOUBLE)
    plain.connection.execute("UPDATE visits SET number = 'seven' WHERE id = 7")
    before = plain.look()
    result = plain.executor().carry_out(order)
    assert result == Result("undone", "DuckDB refused it (ConversionException)")
    assert plain.look() == before, "the index that was out of the way is there again"


def test_a_text_that_would_come_back_differently_is_not_given_up(plain: Shop) -> None:
    plain.connection.execute("UPDATE visits SET number = '007' WHERE id = 7")
    order, before = plain.order(NUMBER), plain.look()
    result = plain.executor().carry_out(order)
    assert result == Result(
        "undone", "change_type of 'visits' would not keep every value: a text that its new type gives back differently "
        "is lost",
    )  # fmt: skip
    assert plain.look() == before


def test_what_drifted_is_refused_by_name_and_another_table_voids_nothing(plain: Shop) -> None:
    order = plain.order(INDEX)
    plain.connection.execute("CREATE TABLE elsewhere(i INTEGER)")
    assert plain.executor().carry_out(order).state == "done"
    again = plain.order(BY_DAY)
    plain.connection.execute("CREATE VIEW newer AS SELECT id FROM visits")
    plain.connection.execute("DROP VIEW recent")
    assert plain.executor().carry_out(again) == Result("refused", "main.recent changed since it was planned")
    gone = plain.order(DropIndex(table="visits", name="visits_page", columns=["page"]))
    plain.connection.execute("DROP VIEW newer; DROP TABLE visits")
    assert plain.executor().carry_out(gone).reason == "main.visits, main.newer changed since it was planned"


def test_a_revert_of_what_drifted_is_refused(plain: Shop) -> None:
    order = plain.order(INDEX)
    plain.executor().carry_out(order)
    plain.connection.execute("DROP INDEX visits_day")
    back = order.model_copy(update={"kind": "revert"})
    assert plain.executor().carry_out(back) == Result("refused", "main.visits changed since it was planned")


def test_a_replaced_file_is_refused_though_the_open_handle_would_take_it(plain: Shop) -> None:
    order = plain.order(INDEX)
    plain.connection.execute("CHECKPOINT")
    replaced(plain.file)
    assert plain.executor().carry_out(order) == Result(
        "refused",
        "the file was replaced on disk: what is open is another one, so a change would be lost. Open it anew",
    )


def test_another_file_than_the_one_that_was_planned_for_is_refused(plain: Shop) -> None:
    order = plain.order(INDEX, file_id="another")
    assert plain.executor().carry_out(order).reason.startswith("it is another file than the one that was planned for")


def test_without_room_nothing_is_begun(plain: Shop) -> None:
    result = plain.executor(free_bytes=10**18).carry_out(plain.order(INDEX))
    assert (result.state, result.reason.partition(" bytes and ")[0]) == ("refused", "it may need 0")
    assert plain.ledger().entries == []


def test_what_duckdb_or_the_plan_does_not_allow_is_refused(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shop.executor().carry_out(shop.order(ConvertFile(file="f"))).reason == (
        "convert_file is no change of the database: it is landed as code"
    )
    order = shop.order(INDEX)
    monkeypatch.setattr(place, "VERSION", (1, 4))
    assert shop.executor().carry_out(order).reason == (
        "DuckDB 1.4 loses what others write meanwhile: land it as code, or use 2.0"
    )


TRIGGER = "CREATE TRIGGER t AFTER {} ON visits FOR EACH STATEMENT INSERT INTO log SELECT 1"


@pytest.mark.parametrize(("body", "event"), [(BY_DAY, "INSERT"), (BY_DAY, "DELETE"), (DOUBLE, "UPDATE")])
def test_a_trigger_is_not_fired_for_rows_that_are_only_moved(plain: Shop, body: Body, event: str) -> None:
    plain.connection.execute("CREATE TABLE log(i INTEGER)")
    order, made = plain.order(body), TRIGGER.format(event)
    fires = "the trigger 't' of 'visits' would fire for its rows: land it as code"
    begun: list[int] = []

    def late() -> None:
        if not begun:
            plain.connection.execute(made)
        begun.append(1)

    assert plain.executor(at_move=late).carry_out(order) == Result("undone", fires)
    assert plain.executor().carry_out(order) == Result("refused", fires)
    assert plain.connection.execute("SELECT count(*) FROM log").fetchall() == [(0,)]


@pytest.mark.parametrize("bodies", [(INDEX,), (UNINDEXED,), (NUMBER,), (PAGE,), (SUMMARY,)], ids=named)
def test_a_trigger_of_the_table_stays_and_fires_for_the_products_rows_alone(
    plain: Shop, bodies: tuple[Body, ...]
) -> None:
    plain.connection.execute(f"CREATE TABLE log(i INTEGER); {TRIGGER.format('UPDATE')}")
    before, order = plain.look(), plain.order(*bodies)
    assert plain.executor().carry_out(order).state == "done"
    assert plain.look()["triggers"] == before["triggers"]
    back = order.model_copy(update={"kind": "revert", "operation_id": "operation-2"})
    assert plain.executor().carry_out(back).state == "done"
    assert plain.look() == before
    assert plain.connection.execute("SELECT count(*) FROM log").fetchall() == [(0,)]
    plain.connection.execute("UPDATE visits SET page = 'p' WHERE id = 1")
    assert plain.connection.execute("SELECT count(*) FROM log").fetchall() == [(1,)]


NAMING = {
    "a macro": "CREATE MACRO told() AS TABLE SELECT count({column}) FROM {table}",
    "a trigger elsewhere": "CREATE TRIGGER told AFTER INSERT ON parent FOR EACH STATEMENT "
    "INSERT INTO log SELECT count({column}) FROM {table}",
    "a trigger of its own": "CREATE TRIGGER told AFTER INSERT ON {table} REFERENCING NEW TABLE AS fresh "
    "FOR EACH STATEMENT INSERT INTO log SELECT count({column}) FROM fresh",
}
DROPPING = {
    "a macro": "DROP MACRO TABLE told",
    "a trigger elsewhere": "DROP TRIGGER told ON parent",
    "a trigger of its own": "DROP TRIGGER told ON visits",
}
DROPPED = DropTable(table="visits")
DROPPED_COLUMN = DropColumn(table="visits", column="number")


@pytest.mark.parametrize("naming", NAMING)
@pytest.mark.parametrize(
    ("body", "named"),
    [(HIDDEN, "visits"), (DROPPED, "visits"), (HIDDEN_COLUMN, "number"), (DROPPED_COLUMN, "number")],
    ids=lambda one: getattr(one, "kind", None),
)
def test_what_a_macro_or_trigger_names_that_was_made_since_is_neither_renamed_nor_dropped(
    shop: Shop, body: Body, named: str, naming: str
) -> None:
    shop.connection.execute("DROP VIEW recent; CREATE TABLE log(i INTEGER)")
    order = shop.order(body)
    shop.connection.execute(NAMING[naming].format(table="visits", column="number"))
    before = shop.look()
    kind = naming.split()[1]
    assert shop.executor().carry_out(order) == Result(
        "refused", f"the {kind} 'told' may need {named!r}, and would fail or be lost: change or drop it first"
    )
    assert shop.look() == before
    shop.connection.execute(DROPPING[naming])
    assert shop.executor().carry_out(order).state == "done"


def test_what_takes_all_columns_of_a_table_may_need_the_one_that_is_renamed(shop: Shop) -> None:
    shop.connection.execute("DROP VIEW recent")
    order = shop.order(HIDDEN_COLUMN)
    shop.connection.execute("CREATE MACRO all_of_them() AS TABLE FROM visits")
    assert shop.executor().carry_out(order) == Result(
        "refused", "the macro 'all_of_them' may need 'visits', and would fail or be lost: change or drop it first"
    )


def test_a_summary_that_a_macro_reads_is_not_taken_back_and_a_column_that_none_names_is(plain: Shop) -> None:
    plain.connection.execute("CREATE MACRO rows_of_it() AS TABLE SELECT count(*) FROM visits")
    order = plain.order(SUMMARY, DOUBLE)
    assert plain.executor().carry_out(order).state == "done"
    changed = plain.look()
    back = order.model_copy(update={"kind": "revert", "operation_id": "operation-2"})
    plain.connection.execute("CREATE MACRO most() AS TABLE SELECT max(n) FROM by_page")
    assert plain.executor().carry_out(back) == Result(
        "refused", "the macro 'most' may need 'by_page', and would fail or be lost: change or drop it first"
    )
    assert plain.look() == changed
    plain.connection.execute("DROP MACRO TABLE most")
    assert plain.executor().carry_out(back).state == "done"


def test_a_comment_of_an_index_that_was_changed_since_is_kept_as_it_is(plain: Shop) -> None:
    order = plain.order(NUMBER)
    assert plain.executor().carry_out(order).state == "done"
    plain.connection.execute("COMMENT ON INDEX visits_day IS NULL")
    back = order.model_copy(update={"kind": "revert", "operation_id": "operation-2"})
    assert plain.executor().carry_out(back).state == "done"
    assert plain.connection.execute("SELECT comment FROM duckdb_indexes()").fetchall() == [(None,)]


def test_what_has_no_way_back_is_not_taken_back(plain: Shop) -> None:
    order = plain.order(DropColumn(table="visits", column="number"), DropTable(table="visits"))
    assert plain.executor().carry_out(order).state == "done"
    back = order.model_copy(update={"kind": "revert"})
    assert plain.executor().carry_out(back) == Result("refused", "one of its steps has no way back")


@pytest.mark.parametrize("room", [20_000, 200_000])
def test_where_the_disk_is_full_in_the_middle_all_is_as_before(plain: Shop, room: int) -> None:
    """Seen by the limit of a file's size, which fails a write as a full disk does."""
    days = "DATE '2020-01-01' + (hash(range) % 60)::INTEGER AS day, hash(range)::VARCHAR AS number"
    plain.connection.execute(f"INSERT INTO visits BY NAME SELECT range AS id, {days} FROM range(5000, 300000)")
    plain.connection.execute("CHECKPOINT")
    before, order = plain.look(), plain.order(BY_DAY)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (plain.file.stat().st_size + room, hard))
    try:
        result = plain.executor().carry_out(order)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    full = "DuckDB refused it (IOException): is there room on the disk of its file?"
    assert result == Result("undone", full)
    assert plain.look() == before
    assert plain.executor().carry_out(order).state == "done", "once there is room"


def test_beyond_its_time_it_gives_way(plain: Shop) -> None:
    days = "DATE '2020-01-01' + (range * 7 % 60)::INTEGER AS day"
    plain.connection.execute(f"INSERT INTO visits BY NAME SELECT range AS id, {days} FROM range(5000, 1000000)")
    before = plain.look()
    result = plain.executor().carry_out(plain.order(BY_DAY, most_s=0.02))
    assert result == Result("undone", "it gave way, since it had not ended after 0.02 s")
    assert plain.look() == before


@pytest.mark.parametrize("bodies", [(BY_DAY,), (NUMBER,), (PAGE,), (DOUBLE,), (SUMMARY,), (NUMBER, PAGE)], ids=named)
def test_what_others_commit_meanwhile_is_never_lost(plain: Shop, bodies: tuple[Body, ...]) -> None:
    """Writers that no gate holds: they may fail, but what was acknowledged is there.

    Beside them no index is made or dropped: DuckDB 2.0 does not survive that, so the gate refuses it.
    """
    plain.connection.execute("DROP INDEX visits_day")
    stop = threading.Event()
    kept: list[dict[int, str]] = []
    acknowledged = [0] * 3

    def write(number: int) -> None:
        connection = plain.connection.cursor()
        mine = {key: str(3 * key) for key in range(number, 5000, 3)}
        fresh = 1_000_000 + number
        while not stop.is_set():
            wanted = dict(mine)
            try:
                connection.execute("BEGIN")
                for turn in range(3):
                    key = sorted(wanted)[acknowledged[number] * 7 % len(wanted)]
                    match (acknowledged[number] + turn) % 3:
                        case 0:
                            connection.execute("INSERT INTO visits(id, page, number) VALUES (?, 'q', '5')", [fresh])
                            wanted[fresh] = "5"
                            fresh += 3
                        case 1:
                            connection.execute("UPDATE visits SET number = '11' WHERE id = ?", [key])
                            wanted[key] = "11"
                        case 2:
                            connection.execute("DELETE FROM visits WHERE id = ?", [key])
                            del wanted[key]
                connection.execute("COMMIT")
            except duckdb.Error:
                fresh += 3
                with suppress(duckdb.Error):
                    connection.execute("ROLLBACK")
            else:
                mine = wanted
                acknowledged[number] += 1
        kept.append(mine)

    writers = [threading.Thread(target=write, args=[number]) for number in range(3)]
    for writer in writers:
        writer.start()
    states = []
    try:
        for turn in range(3):
            order = plain.order(*bodies, operation_id=f"operation-{turn}")
            states.append(plain.executor().carry_out(order).state)
            if states[-1] == "done":
                back = order.model_copy(update={"kind": "revert", "operation_id": f"back-{turn}"})
                while (taken_back := plain.executor().carry_out(back)).state == "undone":
                    pass
                assert taken_back.state == "done", taken_back
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    wanted = {key: value for mine in kept for key, value in mine.items()}
    found = plain.connection.execute("SELECT id, number FROM visits").fetchall()
    assert len(found) == len(wanted)
    assert dict(found) == wanted
    assert min(acknowledged) > 0
    # rows that lie in order are not clustered once more
    assert set(states) <= {"done", "undone"} | ({"refused"} if bodies == (BY_DAY,) else set())
    by_index = plain.connection.execute("SELECT count(*) FROM visits WHERE id = ANY(?)", [list(wanted)]).fetchall()
    assert by_index == [(len(wanted),)]


def test_a_writer_of_the_fenced_table_fails_and_a_reader_sees_it_as_before(plain: Shop) -> None:
    said: list[Any] = []

    original = transaction._totals

    def while_it_is_fenced(connection: duckdb.DuckDBPyConnection, *rest: Any, **more: Any) -> Any:
        found = original(connection, *rest, **more)
        if not said:
            other = plain.connection.cursor()
            said.append(other.execute("SELECT count(*) FROM visits").fetchall())
            for statement in ("INSERT INTO visits(id) VALUES (-1)", "DELETE FROM visits WHERE id = 1"):
                with pytest.raises(duckdb.TransactionException):
                    other.execute(statement)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transaction, "_totals", while_it_is_fenced)
        assert plain.executor().carry_out(plain.order(BY_DAY)).state == "done"
    assert said == [[(5000,)]]


def test_what_was_committed_between_the_snapshot_and_the_fence_is_seen_and_kept(
    plain: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, original, came = plain.order(BY_DAY), transaction._fence, []

    def late(connection: duckdb.DuckDBPyConnection, *rest: Any) -> None:
        if not came:
            came.append(connection.execute("SELECT count(*) FROM visits").fetchall())
            plain.connection.execute("UPDATE visits SET number = '77' WHERE id = 7")
        original(connection, *rest)

    monkeypatch.setattr(transaction, "_fence", late)
    assert plain.executor().carry_out(order).state == "done"
    assert plain.connection.execute("SELECT number FROM visits WHERE id = 7").fetchall() == [("77",)]


def test_a_commit_that_reports_an_error_and_was_one_is_told_as_done(
    plain: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = run.perform

    def reports(*arguments: Any) -> None:
        original(*arguments)
        raise duckdb.IOException("could not sync")

    monkeypatch.setattr(run, "perform", reports)
    assert plain.executor().carry_out(plain.order(INDEX)) == Result(
        "done", "1 moves, and then: DuckDB refused it (IOException): is there room on the disk of its file?"
    )


def test_an_index_that_the_product_made_itself_is_not_ours_to_take_back(plain: Shop) -> None:
    order = plain.order(INDEX)
    plain.connection.execute("CREATE INDEX visits_page ON visits(page)")
    assert plain.executor().carry_out(order) == Result(
        "refused", "it is so already, and not by us: there is nothing to do"
    )
