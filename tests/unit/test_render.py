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
    RenameColumn,
    RenameTable,
    SortKey,
    pack,
)
from schemas.errors import ActionError
from schemas.expressions import FUNCTIONS, Call, Cast, ColumnRef, Constant, Expression, Operation
from schemas.plan import inverse, steps
from schemas.records import Column, Constraint, Index, Limits, Table
from schemas.render import TYPES, by_name, name, render, sql_type

GOLDEN = Path(__file__).parents[1] / "golden" / "render.sql"


def table(place: str, columns: dict[str, str], **more: object) -> Table:
    schema, name = place.split(".", 1)
    found = [
        Column(name=column, type=kind.split()[0], nullable=True, generated="GENERATED" in kind)
        for column, kind in columns.items()
    ]
    fields = {"kind": "table", "rows": 0, "bytes": 0, "row_groups": 0, "columns": found, **more}
    return Table.model_validate({"schema_name": schema, "name": name, **fields})


TABLES = by_name(
    [
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
    ]
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
    [step], _ = steps([pack(body)], TABLES, Limits(build_s=1, extra_bytes=0, peak_bytes=0))
    assert (step.sql, step.inverse_sql if step.reversible else None) == (there, back)


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
    from_type=st.just("VARCHAR"),
    to_type=st.sampled_from(["INTEGER", "BIGINT", "DATE", "TIMESTAMP", "UUID"]),
)
TO_ENUM = st.builds(ChangeType, **PLACE, column=NAMES, from_type=st.just("VARCHAR"), to_type=st.just("ENUM"))


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


RENAMED = st.builds(RenameColumn, **PLACE, column=NAMES, to=NAMES)
EXPECTED: list[tuple[st.SearchStrategy[Body], list[str], list[str] | None]] = [
    (st.builds(CreateIndex, **PLACE, name=NAMES, columns=COLUMNS, unique=st.booleans()), ["CREATE"], ["DROP"]),
    (st.builds(DropIndex, **PLACE, name=NAMES, columns=COLUMNS, unique=st.booleans()), ["DROP"], ["CREATE"]),
    (
        st.builds(Cluster, **PLACE, keys=KEYS),
        "TRANSACTION DROP CREATE DELETE INSERT DROP CREATE TRANSACTION CALL".split(),
        None,  # in which order its rows lay is not known
    ),
    (CHANGED, ["DROP", "ALTER", "CREATE"], ["DROP", "ALTER", "CREATE"]),
    (TO_ENUM, ["CREATE", "DROP", "ALTER", "CREATE"], ["DROP", "ALTER", "CREATE", "DROP"]),
    (ADDED, ["TRANSACTION", "ALTER", "UPDATE", "TRANSACTION"], ["DROP", "ALTER", "CREATE"]),
    (st.builds(RenameTable, **PLACE, to=NAMES), ["DROP", "ALTER", "CREATE"], ["DROP", "ALTER", "CREATE"]),
    (RENAMED, ["DROP", "ALTER", "CREATE"], ["DROP", "ALTER", "CREATE"]),
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
    used = {getattr(body, "column", ""), getattr(body, "to", "")}
    other = data.draw(NAMES.filter(lambda found: found not in used))
    known = table(
        "s.t", {"id": "BIGINT", other: "VARCHAR"}, indexes=[Index(name=other, columns=[other], unique=False)]
    ).model_copy(update={"schema_name": place[0], "name": place[1]})
    inverses = inverse(body, by_name([known]))
    left = known.model_copy(update={"name": body.to}) if isinstance(body, RenameTable) else known
    undone = None if inverses is None else [sql for one in inverses for sql in render(one, by_name([left]))]
    assert (types(render(body, by_name([known]))), types(undone)) == (there, back)


def test_any_text_is_a_name_and_comes_back_from_duckdb() -> None:
    with duckdb.connect() as connection:

        @given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
        def comes_back(text: str) -> None:
            connection.execute(f"SELECT 1 AS {name(text)}")
            assert connection.description[0][0] == text

        comes_back()


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
        [
            table("main.parent", {"id": "BIGINT"}),
            table(
                "main.child",
                {"id": "BIGINT"},
                constraints=[
                    Constraint(kind="foreign key", columns=["id"], references="parent", referenced_columns=["id"])
                ],
            ),
        ]
    )
    with pytest.raises(ActionError, match=why):
        render(body, TABLES | family)
