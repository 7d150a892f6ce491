"""A plan as code: as SQL, as a patch of the team's own files, and seen when it has arrived."""

import subprocess
from pathlib import Path

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
    Rewrite,
    SortKey,
    pack,
)
from schemas.client.catalog import place_of, structure
from schemas.errors import InputError
from schemas.expressions import ColumnRef
from schemas.fingerprint import shape
from schemas.plan import steps
from schemas.records import Limits, Table
from schemas.render import by_name
from streams.landing.dbt import PROJECT, Project, as_models_say_it
from streams.landing.pull_request import change
from streams.landing.script import script
from streams.landing.seen import is_there, landed
from streams.landing.statements import rewritten
from tests.access import CLUSTER, INDEX, ORDERS, planned
from tests.store_records import suggestion

OLD = "SELECT id FROM orders WHERE strftime(day, '%Y') = '2020' AND customer = 5"
NEW = "SELECT id FROM orders WHERE customer = $2 AND year(day) = CAST($1 AS INTEGER)"
REWRITE = Rewrite(fingerprint=shape(OLD).id, statement=NEW)
TOTALS = CreateSummary(
    table="orders", name="totals", alias="o",
    group_by=[Named(name="c", expression=ColumnRef(table="o", name="customer"))],
    aggregates=[Aggregate(name="n", function="count")],
)  # fmt: skip
FIRST = "{{ config(materialized='table') }}\nSELECT 1 AS customer\n"


def dbt(**files: str) -> Project:
    return Project.of("name: shop\n", {f"models/{name}.sql": text for name, text in files.items()})


def test_sql_is_what_the_plan_does_and_what_sentences_say_is_none() -> None:
    plan = planned(INDEX, REWRITE, title="a\n; DROP TABLE orders; --")
    assert script(plan).splitlines() == [
        "-- a",
        "-- ; DROP TABLE orders; --",
        f"-- suggestion {plan.suggestion_id}, revision 3",
        f"-- plan {plan.plan_hash}",
        "",
        "-- step 1 of 2: create_index",
        'CREATE INDEX "i" ON "main"."orders" ("customer");',
        "",
        "-- step 2 of 2: rewrite",
        "-- in the code that runs it, use instead:",
        f"-- {NEW}",
    ]
    assert script(plan, back=True).splitlines()[-5:] == [
        "-- step 2 of 2: rewrite",
        "-- use again what it was before",
        "",
        "-- step 1 of 2: create_index",
        'DROP INDEX "main"."i";',
    ]
    assert script(planned(DropTable(table="other")), back=True).splitlines()[-1] == "-- nothing takes this back"


def test_what_is_dropped_later_and_what_wants_nobody_to_write_says_so() -> None:
    hidden = planned(RenameTable(table="other", to="x"), DropTable(table="x"))
    assert script(hidden).splitlines()[-3:] == [
        "-- step 2 of 2: drop_table",
        "-- not now: only when nobody has asked for it for long enough",
        '-- DROP TABLE "main"."x"',
    ]
    lines = script(planned(CLUSTER)).splitlines()
    assert lines[4].startswith("-- step 1")
    assert lines[5].startswith("-- while nobody else writes")
    assert script(planned(CLUSTER), back=True).splitlines()[-1] == "-- nothing takes this back"


def test_a_statement_is_found_by_its_shape_and_keeps_its_data() -> None:
    other = "select id from orders\n where strftime(day,'%Y')='1999' and customer=-1"
    text = f"-- of the year\n{OLD};\n\n/* another */ {other}"
    assert rewritten(text, {REWRITE.fingerprint: NEW}) == (
        "-- of the year\nSELECT id FROM orders WHERE customer = 5 AND year(day) = CAST('2020' AS INTEGER);\n\n"
        "/* another */ SELECT id FROM orders WHERE customer = -1 AND year(day) = CAST('1999' AS INTEGER)",
        {REWRITE.fingerprint},
    )
    for other in ("SELECT 1;", OLD.replace("5", "?"), f"{OLD} AND 1 = 1", ""):
        assert rewritten(other, {REWRITE.fingerprint: NEW}) == (other, set())


def applied(folder: Path, patch: str) -> None:
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    subprocess.run(["git", "apply"], cwd=folder, input=patch.encode(), check=True)


def test_a_patch_adds_the_sql_and_replaces_the_statements_and_git_applies_it(tmp_path: Path) -> None:
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "year.sql").write_text(OLD)  # no line feed at its end
    (tmp_path / "queries" / "other.sql").write_bytes(b"SELECT 1;\r\nSELECT '\xff'")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "year.sql").write_text(OLD)
    plan = planned(INDEX, REWRITE)
    made = change(plan, tmp_path)
    assert made.left == []
    applied(tmp_path, made.patch)
    assert (tmp_path / "queries" / "year.sql").read_text() == rewritten(OLD, {REWRITE.fingerprint: NEW})[0]
    assert (tmp_path / ".hidden" / "year.sql").read_text() == OLD
    assert (tmp_path / "sidecar" / f"{plan.suggestion_id}.sql").read_text() == script(plan)


def test_what_is_in_no_file_is_told(tmp_path: Path) -> None:
    plan = planned(REWRITE, statements={REWRITE.fingerprint: shape(OLD).text})
    made = change(plan, tmp_path)
    assert made.patch == ""
    assert made.left == [
        f"in no file of SQL here, replace it where it is run:\n  {shape(OLD).text}\nby\n  {NEW}",
    ]
    with pytest.raises(InputError, match="there is no folder"):
        change(plan, tmp_path / "missing")


def test_a_dbt_project_builds_what_the_plan_promised(tmp_path: Path) -> None:
    """Seen by the catalog after a real run of dbt."""
    runner = pytest.importorskip("dbt.cli.main").dbtRunner
    project = {
        PROJECT: "name: shop\nversion: '1.0.0'\nprofile: shop\n",
        "profiles.yml": "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb, threads: 2}\n",
        "models/sales/orders.sql": "{{ config(materialized='table') }}\n"
        "WITH ids AS (SELECT unnest(range(5000)) AS id)\n"
        "SELECT (id * 7919) % 5000 AS id, id % 7 AS customer, id::VARCHAR AS code, 1 AS unused FROM ids\n",
    }
    for name, text in project.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    bodies: list[Body] = [
        INDEX,
        CLUSTER,
        ChangeType(table="orders", column="code", from_type="VARCHAR", to_type="INTEGER"),
        AddColumn(table="orders", column="twin", type="BIGINT", expression=ColumnRef(name="customer")),
        DropColumn(table="orders", column="unused"),
        TOTALS,
    ]
    wide = [*ORDERS.columns, *(ORDERS.columns[0].model_copy(update={"name": name}) for name in ("code", "unused"))]
    tables = {("main", "orders"): ORDERS.model_copy(update={"columns": wide})}
    found, _ = steps([pack(body) for body in bodies], tables, Limits(build_s=1, extra_bytes=1, peak_bytes=1))
    made = change(suggestion(steps=found), tmp_path)
    assert made.left == ["then, for models that are incremental: dbt run --full-refresh"]
    applied(tmp_path, made.patch)
    places = ["--project-dir", str(tmp_path), "--profiles-dir", str(tmp_path)]
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(tmp_path)
        patched.setenv("DO_NOT_TRACK", "1")
        assert runner().invoke(["run", "--quiet", *places]).success
    with duckdb.connect(tmp_path / "shop.duckdb") as connection:
        tables = by_name(structure(connection, place_of(connection).database))
        assert [is_there(body, tables, lambda *_: False) for body in bodies] == [True, False, True, True, True, True]
        assert connection.execute("SELECT id FROM orders LIMIT 3").fetchall() == [(0,), (1,), (2,)]
        assert connection.execute("SELECT sum(n), count(*) FROM totals").fetchall() == [(5000, 7)]


@pytest.mark.parametrize(
    ("before", "made"),
    [
        ("SELECT 1", "{{ config(indexes=[{'columns': ['customer']}]) }}\nSELECT 1"),
        ("{{ config() }} SELECT 1", "{{ config(indexes=[{'columns': ['customer']}]) }} SELECT 1"),
        (
            "{{ config(materialized='table',\n  tags=['ü']) }}\nSELECT 1",
            "{{ config(materialized='table',\n  tags=['ü'], indexes=[{'columns': ['customer']}]) }}\nSELECT 1",
        ),
        (
            "{{ config(tags=['ü'], indexes=[{'columns': ['id']}], x=1) }}\nSELECT 1",
            "{{ config(tags=['ü'], indexes=[{'columns': ['id']}, {'columns': ['customer']}], x=1) }}\nSELECT 1",
        ),
    ],
)
def test_an_index_stands_in_the_models_configuration_and_goes_again(before: str, made: str) -> None:
    with_index = dbt(orders=before).changed(INDEX)
    assert with_index.files == {"models/orders.sql": made}
    without = with_index.changed(DropIndex(table="orders", name="another", columns=["customer"]))
    assert "customer" not in without.files["models/orders.sql"]
    unique = dbt(orders=before).changed(CreateIndex(table="orders", name="i", columns=["a", "b"], unique=True))
    assert "{'columns': ['a', 'b'], 'unique': true}" in unique.files["models/orders.sql"]


@pytest.mark.parametrize(
    ("before", "made"),
    [
        (
            "{{ config(materialized='table',\n) }}",
            "{{ config(materialized='table', indexes=[{'columns': ['customer']}],\n) }}",
        ),
        (
            "{{ config(indexes=[{'columns': ['id']},]) }}",
            "{{ config(indexes=[{'columns': ['id']}, {'columns': ['customer']},]) }}",
        ),
        (
            "{# {{ config(x=1) }} #}{{ config(y=2) }}",
            "{# {{ config(x=1) }} #}{{ config(y=2, indexes=[{'columns': ['customer']}]) }}",
        ),
    ],
)
def test_a_trailing_comma_and_a_comment_stay_as_they_are(before: str, made: str) -> None:
    assert dbt(orders=before).changed(INDEX).files == {"models/orders.sql": made}


def test_what_is_dropped_in_two_steps_is_taken_out_of_a_dbt_project_at_once() -> None:
    column = [RenameColumn(table="a", column="x", to="x to drop"), DropColumn(table="a", column="x to drop")]
    table = [RenameTable(table="b", to="b to drop"), DropTable(table="b to drop")]
    assert as_models_say_it([*column, INDEX, *table]) == [
        DropColumn(table="a", column="x"),
        INDEX,
        DropTable(table="b"),
    ]
    assert dbt(b="SELECT 1").changed(as_models_say_it(table)[0]).files == {}


def test_a_summary_and_a_drop_are_models_that_come_and_go() -> None:
    project = Project.of("model-paths: [sql]\n", {"sql/sales/raw.sql": "{{ config(alias='orders') }}\nSELECT 1"})
    made = project.changed(TOTALS)
    assert made.files["sql/sales/totals.sql"] == (
        "{{ config(materialized='table') }}\n"
        """SELECT "o"."customer" AS "c", count(*) AS "n" FROM {{ ref('raw') }} AS "o" GROUP BY 1\n"""
    )
    assert made.changed(DropTable(table="totals")).files == project.files


@pytest.mark.parametrize(
    ("files", "body", "problem"),
    [
        ({}, INDEX, "no model of the project does"),
        ({"a/orders": "", "b/orders": ""}, INDEX, "models/a/orders.sql, models/b/orders.sql"),
        ({"orders": "{{ config(indexes=some) }}"}, INDEX, "no list that could be changed"),
        ({"orders": "{{ config(a b) }}"}, INDEX, "cannot be read"),
        ({"orders": "SELECT 1"}, DropIndex(table="orders", name="i", columns=["id"]), "does not say that it has"),
        (
            {"orders": "SELECT 1"},
            ChangeType(table="orders", column="id", from_type="VARCHAR", to_type="ENUM"),
            "nothing that a model can say",
        ),
        (
            {"orders": "", "b": "{{ ref('shop', 'orders') }}"},
            DropTable(table="orders"),
            "models/b.sql refer to 'orders'",
        ),
        ({"orders": "", "b": "{{ ref('orders') }}"}, DropTable(table="orders"), "models/b.sql refer to 'orders'"),
        ({"totals": ""}, TOTALS, "has a model 'totals' already"),
        ({}, ConvertFile(file="x"), "no change of a model"),
    ],
)
def test_what_no_model_can_say_is_told(files: dict[str, str], body: Body, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        dbt(**files).changed(body)


@pytest.mark.parametrize("text", ["- a\n", ": :", "a: [", "model-paths: 3", "model-paths: models"])
def test_a_project_file_that_cannot_be_read_is_told(text: str) -> None:
    with pytest.raises(InputError, match=f"{PROJECT} cannot be read"):
        Project.of(text, {})


def ordered(share: float) -> dict[tuple[str, str], Table]:
    columns = [column.model_copy(update={"ordered": share}) for column in ORDERS.columns]
    return {("main", "orders"): ORDERS.model_copy(update={"columns": columns})}


@pytest.mark.parametrize(
    ("share", "up", "down"), [(0.95, True, False), (0.5, False, False), (0.05, False, True), (-1, False, False)]
)
def test_a_clustered_table_is_seen_by_the_order_of_its_neighbours(share: float, up: bool, down: bool) -> None:
    other = Cluster(table="orders", keys=[SortKey(column="id", descending=True), SortKey(column="customer")])
    assert is_there(CLUSTER, ordered(share), lambda *_: False) is up
    assert is_there(other, ordered(share), lambda *_: False) is down


def test_as_many_first_steps_have_arrived_as_are_seen() -> None:
    wanted = planned(INDEX, REWRITE, CLUSTER).steps
    with_index = ORDERS.model_copy(update={"indexes": [{"name": "dbt_1", "columns": ["customer"], "unique": False}]})
    tables = {("main", "orders"): Table.model_validate(with_index.model_dump())}
    assert landed(wanted, {("main", "orders"): ORDERS}, lambda *_: True) == 0
    assert landed(wanted, tables, lambda *_: False) == 1
    assert landed(wanted, tables, lambda new, old: (new, old) == (shape(NEW).id, REWRITE.fingerprint)) == 2
    assert not is_there(ConvertFile(file="x"), tables, lambda *_: True)


def test_an_index_is_gone_when_its_columns_are_whatever_name_it_has_by_then() -> None:
    drop = DropIndex(table="orders", name="i", columns=["customer"])
    renamed = ORDERS.model_copy(update={"indexes": [{"name": "__dbt_2", "columns": ["customer"], "unique": False}]})
    tables = {("main", "orders"): Table.model_validate(renamed.model_dump())}
    assert not is_there(drop, tables, lambda *_: False)
    assert is_there(drop, {("main", "orders"): ORDERS}, lambda *_: False)
