from schemas.client.needed import needed, parents_first
from schemas.records import Constraint, Table


def table(name: str, *parents: str, schema: str = "main", statement: str | None = None) -> Table:
    constraints = [
        Constraint(kind="foreign key", columns=["p"], references=parent, referenced_columns=["id"])
        for parent in parents
    ]
    kind = "table" if statement is None else "view"
    return Table(
        schema_name=schema, name=name, kind=kind, rows=0, bytes=0, row_groups=0, columns=[], constraints=constraints,
        statement=statement,
    )  # fmt: skip


TABLES = [
    table("child", "Parent"),
    table("grandchild", "child", "grandchild"),
    table("Parent"),
    table("parent", schema="other"),
    table("v", statement='SELECT * FROM "a table" JOIN w USING (id)'),
    table("w", statement="SELECT 1 FROM child"),
    table("a table"),
]
BODIES = {
    "v": "SELECT * FROM w",
    "w": "SELECT 1 FROM child",
    "lookup": "SELECT * FROM inner_one(x)",
    "inner_one": "FROM v",
}


def names(asked: list[str], texts: list[str] | None = None) -> list[str]:
    found = needed(asked, texts or [], TABLES, BODIES)
    return [f"{one.schema_name}.{one.name}" for one in found]


def test_parents_come_along_and_come_first() -> None:
    assert names(["grandchild"]) == ["main.Parent", "main.child", "main.grandchild"]


def test_a_name_without_schema_is_every_table_of_that_name() -> None:
    assert sorted(names(["PARENT"])) == ["main.Parent", "other.parent"]
    assert names(["other.parent"]) == ["other.parent"]


def test_views_are_followed_to_their_tables() -> None:
    assert sorted(names(["v"])) == ["main.Parent", "main.a table", "main.child"]


def test_macros_are_followed_where_a_statement_names_them() -> None:
    assert names([], ["SELECT * FROM lookup($1)"]) == names(["v"])
    assert names([], ["SELECT 1"]) == []


def test_a_file_or_an_unknown_name_needs_no_table() -> None:
    assert names(["@file:0123456789ab.parquet", "gone"]) == []


def test_children_are_dropped_before_their_parents() -> None:
    own = [one for one in TABLES if one.kind == "table" and one.schema_name == "main"]
    assert [one.name for one in parents_first(own)] == ["Parent", "a table", "child", "grandchild"]
