"""Of a plan that is done in part, the code is what is left to do, or what takes back what was done."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from schemas.actions import ConvertFile, DropTable, RenameTable
from schemas.errors import InputError
from streams.cli import cli
from streams.landing.dbt import PROJECT
from streams.landing.pull_request import change
from streams.landing.script import script
from streams.web.resources import Page, SuggestionListed, SuggestionShown
from tests.access import CLUSTER, INDEX, planned
from tests.loopback import answering
from tests.store_records import NOON
from tests.unit.test_landing import NEW, OLD, REWRITE, applied


def test_of_a_plan_that_is_done_in_part_what_is_left_is_to_do_and_what_is_done_to_be_taken_back() -> None:
    plan = planned(INDEX, CLUSTER, REWRITE, title="three")
    head = ["-- three", f"-- suggestion {plan.suggestion_id}, revision 3", f"-- plan {plan.plan_hash}"]
    left = script(plan, 1).splitlines()
    assert left[:4] == [*head, "-- of its 3 steps the first is done: this is what is left"]
    assert [line for line in left if line.startswith("-- step")] == [
        "-- step 2 of 3: cluster",
        "-- step 3 of 3: rewrite",
    ]
    assert script(plan, 2).splitlines() == [
        *head,
        "-- of its 3 steps the first 2 are done: this is what is left",
        "",
        "-- step 3 of 3: rewrite",
        "-- in the code that runs it, use instead:",
        f"-- {NEW}",
    ]
    assert script(plan, 3).splitlines() == [*head, "-- all of its steps are done: nothing is left to do"]
    assert script(plan, 1, back=True).splitlines() == [
        "-- takes back: three",
        head[1],
        "-- of its 3 steps the first is done: this takes that back",
        "",
        "-- step 1 of 3: create_index",
        'DROP INDEX "main"."i";',
    ]
    assert script(plan, 3, back=True).splitlines()[2:5] == [
        "-- all of its steps are done: this takes them back",
        "",
        "-- step 3 of 3: rewrite",
    ]
    hidden = planned(RenameTable(table="other", to="x"), DropTable(table="x"))
    assert script(hidden, 1).splitlines()[-3:] == script(hidden).splitlines()[-3:], "it is not dropped now"


def test_the_command_asks_how_far_the_plan_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = planned(INDEX, REWRITE, title="two", statements={REWRITE.fingerprint: OLD})
    listed = SuggestionListed(
        suggestion_id=plan.suggestion_id, revision=3, product="sales", database="main", analysis_id="", position=1,
        rule="", title="", speedup=None, steps=2, time=NOON,
    )  # fmt: skip
    found = Page[SuggestionListed](items=[listed], next=None)
    shown = SuggestionShown(suggestion=plan, done=1, rulings=[], operations=[])
    (tmp_path / "api-key").write_text("prefix.secret")
    (tmp_path / "api-key").chmod(0o600)
    monkeypatch.setenv("SIDECAR_API_KEY_FILE", str(tmp_path / "api-key"))

    def sidecar(*more: str) -> Any:
        return CliRunner().invoke(cli, ["code", plan.suggestion_id[:8], *more])

    with answering(lambda path: (200, {}, (found if "?" in path else shown).model_dump_json().encode())) as url:
        monkeypatch.setenv("SIDECAR_API_URL", url)
        assert sidecar().stdout == script(plan, 1)
        assert sidecar("--back").stdout == script(plan, 1, back=True)
        patched = sidecar(str(tmp_path))
    assert (patched.exit_code, patched.stdout) == (0, ""), "the index, which would be in a file of SQL, is there"
    assert "by hand: in no file of SQL here, replace it where it is run" in patched.stderr


def test_a_patch_holds_what_is_left(tmp_path: Path) -> None:
    other = INDEX.model_copy(update={"name": "i2", "columns": ["id"]})
    plan = planned(REWRITE, INDEX, other, ConvertFile(file="x"))
    made = change(plan, tmp_path, 2)
    assert "CREATE INDEX" in made.patch
    assert '"i"' not in made.patch
    assert [one[:14] for one in made.left] == ["a file that is"]
    applied(tmp_path, made.patch)
    assert (tmp_path / "sidecar" / f"{plan.suggestion_id}.sql").read_text() == script(plan, 2)
    with pytest.raises(InputError, match="nothing to change in these files: all of its steps are done"):
        change(plan, tmp_path, 4)


def test_what_is_out_of_sight_is_a_comment_until_it_is_dropped_and_gone_in_a_dbt_project(tmp_path: Path) -> None:
    two_steps = RenameTable(table="other", to="x"), DropTable(table="x")
    assert '+-- DROP TABLE "main"."x"' in change(planned(*two_steps), tmp_path, 1).patch
    hidden = planned(*two_steps, INDEX)
    (tmp_path / PROJECT).write_text("name: shop\n")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "orders.sql").write_text("SELECT 1")
    (tmp_path / "models" / "other.sql").write_text("SELECT 1")
    assert "+++ /dev/null" in change(hidden, tmp_path).patch
    left = change(hidden, tmp_path, 1).patch
    assert ("models/other.sql" in left, "indexes=[{'columns': ['customer']}]" in left) == (False, True)
