"""A suggestion in a model's words: over a real server, and where no model can write."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from inference.worker.answered_by import AnsweredBy
from schemas.errors import InvalidAnswer, ModelError, SettingsError
from streams.cli import cli
from streams.prose import in_prose
from streams.settings import Settings
from streams.web.resources import Page, SuggestionListed, SuggestionShown
from tests.completions import Completions, completion
from tests.language_models import model
from tests.loopback import answering
from tests.unit.test_explaining import suggestion

ONE = suggestion(refused=1)


async def test_a_general_model_writes_and_its_numbers_are_those_measured() -> None:
    said = ["With the index it is 5.00x faster and saves 7.2 s a day."]
    completions = Completions(lambda _: completion(said[0]))
    settings = Settings(model_url=await completions.start(), model_name="m")
    assert await in_prose(ONE, settings) == (said[0], AnsweredBy("http", "m"))
    [asked] = completions.seen
    assert "5.00x faster (4.00 to 8.00, k=8)" in asked["messages"][1]["content"]
    assert "response_format" not in asked
    said[0] = "With the index it is 50x faster."
    with pytest.raises(InvalidAnswer, match="not measured: 50x"):
        await in_prose(ONE, settings)
    await completions.stop()


async def test_without_a_model_the_settings_are_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="SIDECAR_MODEL_URL and SIDECAR_MODEL_NAME"):
        await in_prose(ONE, Settings())
    with pytest.raises(ModelError):
        await in_prose(ONE, Settings(model=tmp_path / "missing"))


def test_the_command_shows_all_where_the_student_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model().save(tmp_path / "student")
    (tmp_path / "api-key").write_text("prefix.secret")
    (tmp_path / "api-key").chmod(0o600)
    listed = SuggestionListed(
        suggestion_id=ONE.suggestion_id, revision=3, product="shop", database="main", analysis_id="", position=1,
        rule="", title="", speedup=None, steps=1, time=ONE.time,
    )  # fmt: skip
    found = Page[SuggestionListed](items=[listed], next=None)
    shown = SuggestionShown(suggestion=ONE, done=0, rulings=[], operations=[])
    with answering(lambda path: (200, {}, (found if "?" in path else shown).model_dump_json().encode())) as url:
        for name, value in {
            "API_URL": url,
            "API_KEY_FILE": tmp_path / "api-key",
            "MODEL": tmp_path / "student",
        }.items():
            monkeypatch.setenv(f"SIDECAR_{name}", str(value))
        done = CliRunner().invoke(cli, ["show", ONE.suggestion_id[:8], "--prose"])
    assert (done.exit_code, "5.00x faster" in done.stdout) == (0, True)
    assert "no words of a model, what stands above is all: explain: the student reads requests" in done.stderr
