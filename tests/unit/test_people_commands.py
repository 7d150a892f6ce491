"""What people are told who ask for suggestions, from an API that answers as it is told."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streams.cli import cli
from streams.web.resources import NothingListed, Page, RequestShown, Shown, SuggestionListed
from tests.access import MEASURED
from tests.loopback import Answer, answering

Told = Callable[..., str]
NOTHING = NothingListed(
    product="shop", database="main", analysis_id="", time=MEASURED, reason="2 ideas were refused.\x1b[2J\nAll of it.",
    asked="late shipments are slow", read_as="look into shipments (read by rules words)",
)  # fmt: skip
SUGGESTED = SuggestionListed(
    suggestion_id="0123456789abcdef", revision=1, product="sales", database="main", analysis_id="", position=1,
    rule="", title="Index t1.a", speedup=2.0, steps=1, time=MEASURED,
)  # fmt: skip


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    """What a command prints where the API answers with these, by the beginnings of paths."""
    (tmp_path / "api-key").write_text("prefix.secret")
    (tmp_path / "api-key").chmod(0o600)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("SIDECAR_DATA_FOLDER", str(tmp_path))

    def told(arguments: list[str], answers: dict[str, Shown]) -> str:
        def answer(path: str) -> Answer:
            found = next(shown for beginning, shown in answers.items() if path.startswith(f"/v1/{beginning}"))
            return 200, {}, found.model_dump_json().encode()

        with answering(answer) as url:
            monkeypatch.setenv("SIDECAR_API_URL", url)
            done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
        assert done.exit_code == 0
        return done.stdout

    return told


def test_where_nothing_is_suggested_it_is_told_why_in_one_line_with_how_a_text_was_read(told: Told) -> None:
    nothing = Page[NothingListed](items=[NOTHING, NOTHING.model_copy(update={"asked": ""})], next=None)
    none = Page[SuggestionListed](items=[], next=None)
    why = f"shop/main, {MEASURED:%Y-%m-%d %H:%M}: nothing to do. 2 ideas were refused. [2J All of it."
    lines = told(["suggestions"], {"suggestions": none, "nothing": nothing}).splitlines()
    read = "Asked for: late shipments are slow; read as: look into shipments (read by rules words)"
    assert lines == ["no change is suggested", f"{why} {read}", why]


def test_suggestions_of_other_databases_come_first(told: Told) -> None:
    some = Page[SuggestionListed](items=[SUGGESTED], next=None)
    nothing = Page[NothingListed](items=[NOTHING], next=None)
    heads, row, why = told(["suggestions"], {"suggestions": some, "nothing": nothing}).splitlines()
    assert (heads.split()[0], row.split()[0], why.split(":")[0]) == ("id", "0123456789abc", "shop/main, 2026-11-29 12")


@pytest.mark.parametrize(("text", "too"), [("slow", ", and how the text was read"), ("", "")])
def test_who_asks_for_an_analysis_is_told_how_to_see_the_answer(told: Told, text: str, too: str) -> None:
    asked = RequestShown(request_id="0-1", answered=False, answers=[])
    assert told(["analyze", "--product", "shop", "--text", text], {"requests": asked}).splitlines() == [
        "asked, as request 0-1",
        f"`sidecar suggestions --product shop` tells what comes of it, or why nothing does{too}",
    ]
