"""A plan says what each step must find, what it leaves and how it is taken back, and DuckDB agrees."""

from collections.abc import Iterator

import duckdb
import pytest

from schemas.actions import (
    AddColumn,
    Aggregate,
    Body,
    ChangeType,
    Cluster,
    CreateIndex,
    CreateSummary,
    DropColumn,
    DropIndex,
    DropTable,
    Join,
    Named,
    RenameColumn,
    RenameTable,
    Rewrite,
    SortKey,
    pack,
    unpack,
)
from schemas.client.catalog import structure
from schemas.definition import ABSENT, after, definition_hash, dependents, is_as
from schemas.errors import ActionError
from schemas.expressions import Call, ColumnRef, Constant
from schemas.plan import inverse, plan_hash, steps, way_back
from schemas.records import Action, Column, Limits, Step
from schemas.render import TYPES, Tables, by_name, render

LIMITS = Limits(build_s=30.0, extra_bytes=10, peak_bytes=20)
VISITS = "shop", "visits"
DESCRIPTION = {
    "tables": "SELECT schema_name, table_name, sql, comment FROM duckdb_tables() ORDER BY ALL",
    "columns": "SELECT column_name, data_type, column_default, is_nullable, comment FROM duckdb_columns() "
    "WHERE table_name = 'visits' ORDER BY ALL",
    "constraints": "SELECT table_name, constraint_text FROM duckdb_constraints() ORDER BY ALL",
    "indexes": "SELECT index_name, is_unique, sql FROM duckdb_indexes() ORDER BY ALL",
    "views": "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY ALL",
    "types": "SELECT type_name FROM duckdb_types() WHERE NOT internal ORDER BY ALL",
    "rows": "SELECT * FROM shop.visits ORDER BY ALL",
    "seen": "SELECT * FROM shop.recent ORDER BY ALL",
}


@pytest.fixture
def shop() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("""
            CREATE SCHEMA shop;
            CREATE TABLE shop.parent(k INTEGER PRIMARY KEY);
            INSERT INTO shop.parent SELECT range FROM range(10);
            CREATE TABLE shop.visits(
                id INTEGER PRIMARY KEY,
                day DATE NOT NULL DEFAULT DATE '2020-01-01',
                page VARCHAR CHECK (length(page) < 9),
                code VARCHAR UNIQUE,
                parent INTEGER REFERENCES shop.parent(k),
                twice INTEGER GENERATED ALWAYS AS (id * 2),
                number VARCHAR
            );
            CREATE INDEX visits_day ON shop.visits(day);
            CREATE TABLE other(x INTEGER);
            COMMENT ON TABLE shop.visits IS 'all visits';
            COMMENT ON COLUMN shop.visits.page IS 'its path';
            CREATE VIEW shop.recent AS SELECT * FROM shop.visits WHERE day > DATE '2020-02-01';
            CREATE VIEW newest AS SELECT max(day) FROM shop.recent;
            CREATE VIEW apart AS SELECT x FROM other;
            INSERT INTO shop.visits BY NAME SELECT range AS id, DATE '2020-01-01' + (range * 7 % 60)::INTEGER AS day,
                'p' || range % 5 AS page, 'c' || range AS code, range % 10 AS parent, range::VARCHAR AS number
            FROM range(500);
        """)
        yield connection


def tables_of(connection: duckdb.DuckDBPyConnection) -> Tables:
    return by_name(structure(connection, "memory"))


def described(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[object, ...]]]:
    return {part: connection.execute(text).fetchall() for part, text in DESCRIPTION.items()}


def run(connection: duckdb.DuckDBPyConnection, statements: list[str]) -> None:
    for statement in statements:
        connection.execute(statement)


def agrees(connection: duckdb.DuckDBPyConnection, step: Step, *, done: bool) -> dict[str, bool]:
    tables = tables_of(connection)
    return {
        f"{one.schema_name}.{one.name}": is_as(
            tables.get((one.schema_name, one.name)), one.after if done else one.before
        )
        for one in step.touched
    }


def the_step(body: Body, tables: Tables) -> Step:
    [step], _ = steps([pack(body)], tables, LIMITS)
    return step


PLACE = {"schema_name": "shop", "table": "visits"}
MONTH = Call(function="date_trunc", arguments=[Constant(value="month"), ColumnRef(name="day", table="visits")])
INDEX = CreateIndex(**PLACE, name="by page", columns=["page", "code"], unique=True)
SUMMARY = CreateSummary(
    **PLACE,
    name="per day",
    alias="v",
    joins=[Join(schema_name="shop", table="parent", alias="p", on=[("v.parent", "k")])],
    group_by=[Named(name="day", expression=ColumnRef(name="day", table="v"))],
    aggregates=[
        Aggregate(name="n", function="count"),
        Aggregate(name="total", function="sum", argument=ColumnRef(name="k", table="p")),
    ],
)
REVERSIBLE = [
    ChangeType(**PLACE, column="number", from_type="VARCHAR", to_type="INTEGER"),
    ChangeType(**PLACE, column="number", from_type="VARCHAR", to_type="ENUM"),
    AddColumn(**PLACE, column="month", type="TIMESTAMP", expression=MONTH),
    INDEX,
    DropIndex(**PLACE, name="visits_day", columns=["day"]),
    SUMMARY,
]
RENAMES = [
    RenameColumn(**PLACE, column="number", to="number to drop"),
    RenameTable(**PLACE, to="visits to drop"),
]
OTHERS = [
    Cluster(**PLACE, keys=[SortKey(column="day")]),
    DropColumn(**PLACE, column="number"),
    DropTable(**PLACE),
]


def identity(body: object) -> str:
    return f"{body.kind}-{getattr(body, 'to_type', '')}" if isinstance(body, Body) else str(body)


@pytest.mark.parametrize("body", [*REVERSIBLE, *OTHERS], ids=identity)
def test_what_a_step_leaves_is_what_duckdb_has_afterwards(shop: duckdb.DuckDBPyConnection, body: Body) -> None:
    step = the_step(body, tables_of(shop))
    found = agrees(shop, step, done=False)
    assert found == dict.fromkeys(found, True)
    run(shop, step.sql)
    left = agrees(shop, step, done=True)
    assert left == dict.fromkeys(found, True)


@pytest.mark.parametrize("body", RENAMES, ids=identity)
def test_what_is_renamed_is_as_promised_and_comes_back_and_no_view_may_name_it(
    shop: duckdb.DuckDBPyConnection, body: Body
) -> None:
    with pytest.raises(ActionError, match="may name 'visits', and would fail"):
        the_step(body, tables_of(shop))
    run(shop, ["DROP VIEW newest", "DROP VIEW shop.recent"])
    step = the_step(body, tables_of(shop))
    assert set(agrees(shop, step, done=False).values()) == {True}
    run(shop, step.sql)
    assert set(agrees(shop, step, done=True).values()) == {True}
    assert False in agrees(shop, step, done=False).values()
    run(shop, step.inverse_sql)
    assert set(agrees(shop, step, done=False).values()) == {True}


@pytest.mark.parametrize("body", REVERSIBLE, ids=identity)
def test_what_is_not_done_yet_does_not_look_done_and_the_other_way_round(
    shop: duckdb.DuckDBPyConnection, body: Body
) -> None:
    step = the_step(body, tables_of(shop))
    assert not all(agrees(shop, step, done=True).values())
    run(shop, step.sql)
    assert not all(agrees(shop, step, done=False).values())


@pytest.mark.parametrize("body", REVERSIBLE, ids=identity)
def test_the_way_back_leads_to_where_it_began(shop: duckdb.DuckDBPyConnection, body: Body) -> None:
    before = described(shop)
    step = the_step(body, tables_of(shop))
    run(shop, step.sql)
    changed = described(shop)
    run(shop, step.inverse_sql)
    assert changed != before
    assert described(shop) == before
    assert step.reversible
    # whoever reverts has the actions and the tables as they are, and comes to the same SQL
    run(shop, step.sql)
    assert [sql for action in step.inverse for sql in render(unpack(action), tables_of(shop))] == step.inverse_sql


@pytest.mark.parametrize("type_", sorted(TYPES | {"DECIMAL(18, 3)", "integer[]", "VARCHAR[3]"}))
def test_a_type_has_the_name_that_the_catalog_gives_it(type_: str) -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t(i INTEGER)")
        step = the_step(
            AddColumn(table="t", column="c", type=type_, expression=ColumnRef(name="i")), tables_of(connection)
        )
        connection.execute(step.sql[1])  # without the update, which not every type takes
        assert agrees(connection, step, done=True) == {"main.t": True}


def test_touched_are_the_table_what_depends_on_it_and_nothing_else(shop: duckdb.DuckDBPyConnection) -> None:
    tables = tables_of(shop)
    assert dependents(VISITS, tables) == [("main", "newest"), ("shop", "recent")]
    assert dependents(("shop", "parent"), tables) == [("main", "newest"), ("shop", "recent"), VISITS]
    assert [(one.schema_name, one.name) for one in the_step(INDEX, tables).touched] == [
        VISITS, ("main", "newest"), ("shop", "recent")]  # fmt: skip
    assert [(one.schema_name, one.name, one.before == ABSENT) for one in the_step(SUMMARY, tables).touched] == [
        ("shop", "parent", False), ("shop", "visits", False), ("shop", "per day", True)]  # fmt: skip
    assert the_step(Rewrite(fingerprint="1-ab", statement="SELECT 1"), tables).touched == []


@pytest.mark.parametrize(
    ("change", "drifted"),
    [
        ("ALTER TABLE shop.visits ADD COLUMN more INTEGER", {"shop.visits"}),
        ("DROP INDEX shop.visits_day", {"shop.visits"}),
        ("CREATE OR REPLACE VIEW shop.recent AS SELECT id FROM shop.visits", {"shop.recent"}),
        ("DROP VIEW newest", {"main.newest"}),
        ("ALTER TABLE other ADD COLUMN more INTEGER", set()),
        ("CREATE OR REPLACE VIEW apart AS SELECT 1 AS x", set()),
        ("DELETE FROM shop.visits WHERE id > 100", set()),
        ("INSERT INTO shop.visits(id, parent) VALUES (1000, 1)", set()),
    ],
)
def test_what_drifted_is_named_and_what_is_not_touched_voids_nothing(
    shop: duckdb.DuckDBPyConnection, change: str, drifted: set[str]
) -> None:
    step = the_step(INDEX, tables_of(shop))
    shop.execute(change)
    assert {name for name, same in agrees(shop, step, done=False).items() if not same} == drifted


def test_each_step_is_planned_on_top_of_those_before(shop: duckdb.DuckDBPyConnection) -> None:
    bodies = [
        AddColumn(**PLACE, column="month", type="TIMESTAMP", expression=MONTH),
        CreateIndex(**PLACE, name="by month", columns=["month"]),
        Rewrite(fingerprint="1-ab", statement="SELECT 1"),
    ]
    planned, left = steps([pack(body) for body in bodies], tables_of(shop), LIMITS)
    before = described(shop)
    for step in planned:
        assert all(agrees(shop, step, done=False).values())
        run(shop, step.sql)
        assert all(agrees(shop, step, done=True).values())
    assert definition_hash(left[VISITS]) == definition_hash(tables_of(shop)[VISITS])
    back = way_back(planned)
    assert back == [planned[1].inverse[0], planned[0].inverse[0]]
    for action in back:
        run(shop, render(unpack(action), tables_of(shop)))
    assert described(shop) == before
    assert way_back([*planned, the_step(DropTable(**PLACE), tables_of(shop))]) is None


def test_clustering_orders_the_rows_and_loses_nothing(shop: duckdb.DuckDBPyConnection) -> None:
    before = described(shop)
    keys = [SortKey(column="day", descending=True), SortKey(column="id")]
    run(shop, render(Cluster(schema_name="shop", table="visits", keys=keys), tables_of(shop)))
    assert described(shop) == before
    order = shop.execute("SELECT day, id FROM shop.visits").fetchall()
    assert order == sorted(order, key=lambda row: (-row[0].toordinal(), row[1]))
    with pytest.raises(duckdb.ConstraintException):
        shop.execute("INSERT INTO shop.visits(id) VALUES (7)")


@pytest.mark.parametrize(
    ("day", "number", "back"),
    [(-1, -1, None), (0.5, 0.9, None), (0.97, -1, ("day", False)), (0.99, 0.0, ("number", True))],
)
def test_the_way_back_from_an_order_is_the_one_that_was_if_there_was_one(
    shop: duckdb.DuckDBPyConnection, day: float, number: float, back: tuple[str, bool] | None
) -> None:
    tables = tables_of(shop)
    figures = {"day": {"ordered": day, "distinct": 60}, "number": {"ordered": number, "distinct": 500}}
    columns = [one.model_copy(update=figures.get(one.name, {})) for one in tables[VISITS].columns]
    tables[VISITS] = tables[VISITS].model_copy(update={"columns": columns})
    found = inverse(Cluster(**PLACE, keys=[SortKey(column="id")]), tables)
    assert found == (
        back and [Cluster(**PLACE, keys=[SortKey(column=name, descending=descending)]) for name, descending in [back]]
    )


def test_an_index_on_an_expression_that_is_dropped_cannot_come_back(shop: duckdb.DuckDBPyConnection) -> None:
    shop.execute("CREATE INDEX by_length ON shop.visits((length(page)))")
    step = the_step(DropIndex(**PLACE, name="by_length", columns=["page"]), tables_of(shop))
    assert (step.reversible, step.inverse) == (False, [])


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (CreateIndex(**PLACE, name="visits_day", columns=["day"]), "'visits' has an index 'visits_day' already"),
        (CreateIndex(**PLACE, name="i", columns=["gone"]), "'visits' has no column 'gone'"),
        (DropIndex(**PLACE, name="gone", columns=["day"]), "'visits' has no index 'gone'"),
        (AddColumn(**PLACE, column="DAY", type="DATE", expression=MONTH), "'visits' has a column 'DAY' already"),
        (DropColumn(**PLACE, column="gone"), "'visits' has no column 'gone'"),
        (DropTable(schema_name="shop", table="gone"), "the table shop.gone is not known"),
        (SUMMARY.model_copy(update={"name": "parent"}), "there is a table shop.parent already"),
    ],
)
def test_what_cannot_be_done_to_these_tables_is_no_plan(shop: duckdb.DuckDBPyConnection, body: Body, why: str) -> None:
    with pytest.raises(ActionError, match=why):
        steps([pack(body)], tables_of(shop), LIMITS)


def test_an_action_that_nobody_can_foresee_is_refused() -> None:
    class Surprise(Body):
        kind = "surprise"

    with pytest.raises(ActionError, match="nobody knows what 'surprise' makes of a table"):
        after(Surprise(), {})


def test_a_view_is_its_text_alone(shop: duckdb.DuckDBPyConnection) -> None:
    view = tables_of(shop)["shop", "recent"]
    assert definition_hash(view) == definition_hash(view.model_copy(update={"columns": view.columns[:1]}))
    assert definition_hash(view) != definition_hash(view.model_copy(update={"statement": "SELECT 1"}))


def test_a_foreign_key_is_seen_however_it_writes_the_name(shop: duckdb.DuckDBPyConnection) -> None:
    shop.execute('CREATE TABLE "Mixed"(k INTEGER PRIMARY KEY); CREATE TABLE child(k INTEGER REFERENCES MIXED(k))')
    tables = tables_of(shop)
    assert dependents(("main", "Mixed"), tables) == [("main", "child")]
    with pytest.raises(ActionError, match="a foreign key of 'child' refers to 'Mixed'"):
        render(Cluster(table="Mixed", keys=[SortKey(column="k")]), tables)


def test_values_of_an_enum_are_no_definition(shop: duckdb.DuckDBPyConnection) -> None:
    table = tables_of(shop)[VISITS]
    column = Column(name="mood", type="ENUM", nullable=True, enum_values=["a"])
    one = table.model_copy(update={"columns": [column]})
    other = table.model_copy(update={"columns": [column.model_copy(update={"enum_values": ["a", "b"]})]})
    assert definition_hash(one) == definition_hash(other) != definition_hash(table)


def test_the_hash_of_a_plan_covers_everything_in_it(shop: duckdb.DuckDBPyConnection) -> None:
    step = the_step(INDEX, tables_of(shop))
    spaced = Action(kind="create_index", version=1, body=step.action.body.replace(b":", b": "))
    others = [
        step.model_copy(update={"action": spaced}),
        step.model_copy(update={"touched": step.touched[1:]}),
        step.model_copy(update={"touched": [step.touched[0].model_copy(update={"before": "0" * 64})]}),
        step.model_copy(update={"reversible": False}),
        step.model_copy(update={"inverse": []}),
        step.model_copy(update={"sql": []}),
        step.model_copy(update={"inverse_sql": []}),
        step.model_copy(update={"limits": LIMITS.model_copy(update={"peak_bytes": 21})}),
    ]
    plans = [[step], [], [step, step], *([other] for other in others)]
    assert len({plan_hash(plan) for plan in plans}) == len(plans)
    assert plan_hash([Step.model_validate_json(step.model_dump_json())]) == plan_hash([step])
