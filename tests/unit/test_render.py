import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.actions import (
    KINDS,
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
    Join,
    Named,
    SortKey,
)
from schemas.client.catalog import structure
from schemas.errors import ActionError
from schemas.expressions import FUNCTIONS, Call, Cast, ColumnRef, Constant, Expression, Operation
from schemas.records import Column, Constraint, Index, Table
from schemas.render import TYPES, inverse, name, render, sql_type

GOLDEN = Path(__file__).parents[1] / "golden" / "render.sql"


def table(place: str, columns: dict[str, str], **more: object) -> Table:
    schema, name = place.split(".", 1)
    found = [
        Column(name=column, type=kind.split()[0], nullable=True, generated="GENERATED" in kind)
        for column, kind in columns.items()
    ]
    fields = {"kind": "table", "rows": 0, "bytes": 0, "row_groups": 0, "columns": found, **more}
    return Table.model_validate({"schema_name": schema, "name": name, **fields})


def by_name(*found: Table) -> dict[tuple[str, str], Table]:
    return {(one.schema_name, one.name): one for one in found}


TABLES = by_name(
    table(
        "main.orders",
        {"id": "BIGINT", "customer": "BIGINT", "day": "DATE", "placed": "TIMESTAMP", "note": "VARCHAR"},
        indexes=[
            Index(name="orders_day", columns=["day"], unique=False),
            Index(name="orders_lower", columns=["note"], unique=False, expression=True),
        ],
    ),
    table(
        "shop.visits",
        {"id": "BIGINT", "day": "DATE", "page": "VARCHAR", 'Amount "gross"': "DOUBLE", "twice": "DOUBLE GENERATED"},
        constraints=[Constraint(kind="primary key", columns=["id"])],
        indexes=[Index(name="visits day", columns=["day", "id"], unique=True)],
    ),
    table("main.flat", {"id": "BIGINT", "n": "VARCHAR", "day": "DATE"}),
)


def golden() -> Iterator[tuple[str, Body, list[str], list[str] | None]]:
    for block in GOLDEN.read_text().split("\n\n")[1:]:
        head, *lines = block.strip().removeprefix("-- ").splitlines()
        kind, body = head.split(" ", 1)
        cut = next(number for number, line in enumerate(lines) if line.startswith("-- "))
        back = None if lines[cut] == "-- no way back" else [line.removesuffix(";") for line in lines[cut + 1 :]]
        there = [line.removesuffix(";") for line in lines[:cut]]
        yield head, KINDS[kind, 1].model_validate(json.loads(body)), there, back


@pytest.mark.parametrize(("body", "there", "back"), [pytest.param(*rest, id=head[:60]) for head, *rest in golden()])
def test_an_action_has_this_sql_and_this_way_back(body: Body, there: list[str], back: list[str] | None) -> None:
    assert (render(body, TABLES), inverse(body, TABLES)) == (there, back)


NAMES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20),
    st.sampled_from(['"', "'; DROP TABLE x; --", "select", "a.b", "*/", "$1", "temp", "ß\u2028", 'a"";b']),
)
TYPE = st.sampled_from(sorted(TYPES | {"DECIMAL(18, 3)", "INTEGER[]", "VARCHAR[3]"}))
KEYS = st.lists(st.builds(SortKey, column=NAMES, descending=st.booleans()), min_size=1, max_size=3)
EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    st.one_of(
        st.builds(ColumnRef, name=NAMES, table=st.none() | NAMES),
        st.builds(Constant, value=st.integers(-(2**63), 2**63 - 1) | NAMES),
    ),
    lambda inner: st.one_of(
        st.builds(Call, function=st.sampled_from(sorted(FUNCTIONS)), arguments=st.lists(inner, min_size=1, max_size=3)),
        st.builds(Operation, operator=st.sampled_from(["+", "-", "*", "/", "//", "%", "||"]), left=inner, right=inner),
        st.builds(Cast, operand=inner, type=TYPE),
    ),
    max_leaves=6,
)
PLACE = {"schema_name": NAMES, "table": NAMES}
COLUMNS = st.lists(NAMES, min_size=1, max_size=3, unique=True)
AGGREGATES = st.one_of(
    st.builds(Aggregate, name=NAMES, function=st.just("count")),
    st.builds(Aggregate, name=NAMES, function=st.sampled_from(["count", "sum", "min", "max"]), argument=EXPRESSIONS),
)
ADDED = st.builds(AddColumn, **PLACE, column=NAMES, type=TYPE, expression=EXPRESSIONS)
CHANGED = st.builds(
    ChangeType,
    **PLACE,
    column=NAMES,
    from_type=TYPE,
    to_type=st.sampled_from(["INTEGER", "BIGINT", "DATE", "TIMESTAMP", "UUID"]),
)
TO_ENUM = st.builds(ChangeType, **PLACE, column=NAMES, from_type=TYPE, to_type=st.just("ENUM"))


@st.composite
def summaries(draw: st.DrawFn) -> CreateSummary:
    alias, other = draw(st.lists(NAMES, min_size=2, max_size=2, unique=True))
    join = st.builds(
        Join,
        schema_name=NAMES,
        table=NAMES,
        alias=st.just(other),
        on=st.lists(st.tuples(NAMES.map(lambda column: f"{alias}.{column}"), NAMES), min_size=1, max_size=2),
    )
    groups = st.lists(st.builds(Named, name=NAMES, expression=EXPRESSIONS), max_size=2)
    return draw(
        st.builds(
            CreateSummary,
            **PLACE,
            name=NAMES,
            alias=st.just(alias),
            joins=st.lists(join, max_size=1),
            group_by=groups,
            aggregates=st.lists(AGGREGATES, min_size=1, max_size=2),
        )
    )


EXPECTED: list[tuple[st.SearchStrategy[Body], list[str], list[str] | None]] = [
    (st.builds(CreateIndex, **PLACE, name=NAMES, columns=COLUMNS, unique=st.booleans()), ["CREATE"], ["DROP"]),
    (st.builds(DropIndex, **PLACE, name=NAMES, columns=COLUMNS, unique=st.booleans()), ["DROP"], ["CREATE"]),
    (
        st.builds(Cluster, **PLACE, keys=KEYS),
        "TRANSACTION DROP CREATE DELETE INSERT DROP CREATE TRANSACTION CALL".split(),
        [],
    ),
    (CHANGED, ["DROP", "ALTER", "CREATE"], ["DROP", "ALTER", "CREATE"]),
    (TO_ENUM, ["CREATE", "DROP", "ALTER", "CREATE"], ["DROP", "ALTER", "CREATE", "DROP"]),
    (ADDED, ["TRANSACTION", "ALTER", "UPDATE", "TRANSACTION"], ["DROP", "ALTER", "CREATE"]),
    (st.builds(DropColumn, **PLACE, column=NAMES), ["DROP", "ALTER", "CREATE"], None),
    (st.builds(DropTable, **PLACE), ["DROP"], None),
    (summaries(), ["CREATE"], ["DROP"]),
    (st.builds(ConvertFile, file=NAMES, keys=KEYS), ["COPY"], []),
]


def types(statements: list[str] | None) -> list[str] | None:
    """Parsed together, so that a name that ends its statement early would add one."""
    if statements is None:
        return None
    return [one.type.name for one in duckdb.extract_statements(";\n".join(statements))]


@pytest.mark.parametrize(("bodies", "there", "back"), EXPECTED)
@given(data=st.data())
def test_whatever_the_names_the_parser_sees_the_expected_statements_and_no_other(
    data: st.DataObject, bodies: st.SearchStrategy[Body], there: list[str], back: list[str] | None
) -> None:
    body = data.draw(bodies)
    place = (getattr(body, "schema_name", "s"), getattr(body, "table", "t"))
    used = {getattr(body, "column", "")}
    other = data.draw(NAMES.filter(lambda found: found not in used))
    known = table(
        "s.t", {"id": "BIGINT", other: "VARCHAR"}, indexes=[Index(name=other, columns=[other], unique=False)]
    ).model_copy(update={"schema_name": place[0], "name": place[1]})
    assert (types(render(body, by_name(known))), types(inverse(body, by_name(known)))) == (there, back)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_any_text_is_a_name_and_comes_back_from_duckdb(text: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"SELECT 1 AS {name(text)}")
        assert connection.description[0][0] == text


@pytest.mark.parametrize("text", ["", "a\0b", "\ud800"])
def test_what_can_be_no_name_is_refused(text: str) -> None:
    with pytest.raises(ActionError, match="can be no name"):
        name("s", text)


@pytest.mark.parametrize("text", sorted(TYPES | {"DECIMAL(38,10)", "decimal(4, 2)[]", "integer[3]"}))
def test_a_listed_type_is_one_of_duckdb(text: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t(c {sql_type(text)})")


@pytest.mark.parametrize(
    "text", ["INTEGER)", "INTEGER; DROP TABLE x", "INTEGER DEFAULT 1", "mood", "STRUCT(a INT)", ""]
)
def test_a_type_that_is_not_listed_is_refused(text: str) -> None:
    with pytest.raises(ActionError, match="not one that an action may name"):
        sql_type(text)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (Cluster(table="orders", keys=[SortKey(column="day")]), "the index 'orders_lower' .* is on an expression"),
        (Cluster(table="flat", keys=[]), "at least one column"),
        (Cluster(table="gone", keys=[SortKey(column="day")]), "main.gone is not known"),
        (Cluster(table="parent", keys=[SortKey(column="id")]), "a foreign key of 'child' refers to 'parent'"),
        (
            ChangeType(schema_name="shop", table="visits", column="id", from_type="BIGINT", to_type="INTEGER"),
            "'id' of 'visits' is in a primary key constraint",
        ),
        (DropColumn(schema_name="shop", table="visits", column="day"), "'day' of 'visits' is in an index"),
        (CreateIndex(table="flat", name="i", columns=[]), "has no columns"),
        (
            AddColumn(
                table="flat", column="c", type="DATE", expression=Call.model_construct(function="getenv", arguments=[])
            ),
            "'getenv' is not among",
        ),
        (
            CreateSummary(
                table="flat",
                name="s",
                alias="f",
                joins=[Join(table="orders", alias="o", on=[("x.id", "id")])],
                group_by=[],
                aggregates=[Aggregate(name="n", function="count")],
            ),
            "'x.id' names no table",
        ),
    ],
)
def test_what_would_fail_or_lose_something_is_refused(body: Body, why: str) -> None:
    family = by_name(
        table("main.parent", {"id": "BIGINT"}),
        table(
            "main.child",
            {"id": "BIGINT"},
            constraints=[
                Constraint(kind="foreign key", columns=["id"], references="parent", referenced_columns=["id"])
            ],
        ),
    )
    with pytest.raises(ActionError, match=why):
        render(body, TABLES | family)


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
            COMMENT ON TABLE shop.visits IS 'all visits';
            COMMENT ON COLUMN shop.visits.page IS 'its path';
            CREATE VIEW shop.recent AS SELECT * FROM shop.visits WHERE day > DATE '2020-02-01';
            INSERT INTO shop.visits BY NAME SELECT range AS id, DATE '2020-01-01' + (range * 7 % 60)::INTEGER AS day,
                'p' || range % 5 AS page, 'c' || range AS code, range % 10 AS parent, range::VARCHAR AS number
            FROM range(500);
        """)
        yield connection


DESCRIPTION = {
    "tables": "SELECT schema_name, table_name, sql, comment FROM duckdb_tables() ORDER BY ALL",
    "columns": "SELECT column_name, data_type, column_default, is_nullable, comment FROM duckdb_columns() "
    "WHERE table_name = 'visits' ORDER BY ALL",
    "constraints": "SELECT table_name, constraint_text FROM duckdb_constraints() ORDER BY ALL",
    "indexes": "SELECT index_name, is_unique, sql FROM duckdb_indexes() ORDER BY ALL",
    "views": "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY ALL",
    "rows": "SELECT * FROM shop.visits ORDER BY ALL",
    "seen": "SELECT * FROM shop.recent ORDER BY ALL",
}


def described(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[object, ...]]]:
    return {part: connection.execute(text).fetchall() for part, text in DESCRIPTION.items()}


def run(connection: duckdb.DuckDBPyConnection, statements: list[str] | None) -> None:
    for statement in statements or []:
        connection.execute(statement)


def tables_of(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], Table]:
    return by_name(*structure(connection, "memory"))


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
    "body",
    [
        ChangeType(schema_name="shop", table="visits", column="number", from_type="VARCHAR", to_type="INTEGER"),
        ChangeType(schema_name="shop", table="visits", column="number", from_type="VARCHAR", to_type="ENUM"),
        AddColumn(
            schema_name="shop",
            table="visits",
            column="month",
            type="TIMESTAMP",
            expression=Call(
                function="date_trunc", arguments=[Constant(value="month"), ColumnRef(name="day", table="visits")]
            ),
        ),
        CreateIndex(schema_name="shop", table="visits", name="by page", columns=["page"]),
        DropIndex(schema_name="shop", table="visits", name="visits_day", columns=["day"]),
        CreateSummary(
            schema_name="shop",
            table="visits",
            name="per day",
            alias="v",
            joins=[Join(schema_name="shop", table="parent", alias="p", on=[("v.parent", "k")])],
            group_by=[Named(name="day", expression=ColumnRef(name="day", table="v"))],
            aggregates=[Aggregate(name="n", function="count")],
        ),
    ],
    ids=lambda body: f"{body.kind}-{getattr(body, 'to_type', '')}",
)
def test_the_way_back_leads_to_where_it_began(shop: duckdb.DuckDBPyConnection, body: Body) -> None:
    tables, before = tables_of(shop), described(shop)
    run(shop, render(body, tables))
    changed = described(shop)
    run(shop, inverse(body, tables))
    assert changed != before
    assert described(shop) == before
