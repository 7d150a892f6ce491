"""The report as a person reads it: Markdown, JSON, and a plot that stands by itself."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest
from pydantic import TypeAdapter
from typer.testing import CliRunner

from schemas.errors import StoreTaken
from store.knowledge import KnowledgeFile
from store.readings import Rejected
from store.report import Change, Cost, Month, Ratio, Report, Route, Saved
from streams.access.report_markdown import markdown
from streams.access.report_svg import LEFT, RIGHT, WIDTH, Scale, svg
from streams.cli import cli
from tests.loopback import Answer, answering

DONE = datetime(2026, 11, 29, 13, 5, tzinfo=UTC)
KEPT = Change(
    "op-1", "shop", "main", "8a2c3b5e-1111-5000", "selective_index", "an index on orders", DONE, None, "confirmed",
    "the affected queries take 1/2.30 of the time", Ratio(2.5, 2, 3), Ratio(2.3, 2.2, 2.4), None,
    Saved(7200, 3600, 9000), Saved(1800, 1500, 2100),
)  # fmt: skip
HARMFUL = Change(
    "op-2", "shop", "main", "8a2c3b5e-2222-5000", "clustering", "orders | by <b>day</b>\n", DONE, DONE, "worse",
    "slower", Ratio(5, 4, 6), Ratio(0.25, 0.2, 0.3), "it made things worse, taken back", Saved(-30, -40, -20),
    None, "none of its queries ran in a whole hour since",
)  # fmt: skip
UNTOLD = Change(
    "op-3", "shop", "main", "8a2c3b5e-3333-5000", "type_fix", "a date", DONE, None, "inconclusive",
    "none of the affected queries ran in a day, so nobody knows", None, None, None, None,
)  # fmt: skip
FOUND = Report(
    month=date(2026, 11, 1),
    product="shop",
    months=[
        Month(
            date(2026, 11, 1), Saved(7170, 3560, 8980), Cost(90, 4, 1, 1.5, 2, 0.5), Saved(7078, 3468, 8888),
            Saved(1800, 1500, 2100), 1, 2,
        )
    ],
    changes=[KEPT, HARMFUL, UNTOLD],
    routes=[Route("GET /orders", Saved(7170, 3560, 8980))],
    rejected=[Rejected("timing", 1200), Rejected("", 3)],
    unknown=["Processor seconds."],
)  # fmt: skip
EMPTY = Report(None, None, [], [], [], [], ["Processor seconds."])


def test_a_person_reads_by_month_change_and_label_what_came_of_what_was_promised() -> None:
    text = markdown(FOUND).splitlines()
    assert text[0] == "# What was promised and what came, 2026-11, shop"
    for line in (
        "| 2026-11 | 120 min (59 min to 2.5 h) | 90.0 s in 3 analyses, 1 more without an answer that says | 1.5 s in 2 "
        "operations | 500 ms | 118 min (58 min to 2.5 h) | 30 min (25 min to 35 min), of 1 of 2 changes |",
        "| 2026-11-29 13:05 | an index on orders (shop/main, 8a2c3b5e-1111) | 2.50x (2.00 to 3.00) | 2.30x (2.20 to "
        "2.40) | confirmed | 2.0 h (60 min to 2.5 h) | 30 min (25 min to 35 min) |",
        r"| 2026-11-29 13:05 | orders \| by \<b\>day\</b\> (shop/main, 8a2c3b5e-2222) | 5.00x (4.00 to 6.00) | 0.25x "
        "(0.20 to 0.30) | worse | -30.0 s (-40.0 s to -20.0 s) | not known |",
        "| 2026-11-29 13:05 | a date (shop/main, 8a2c3b5e-3333) | not known | not known | inconclusive | not known | "
        "not known |",
        "| not now | 1,200 |",
        "| not understood | 3 |",
        "| GET /orders | 120 min (59 min to 2.5 h) |",
        r"- orders \| by \<b\>day\</b\> (shop/main, 8a2c3b5e-2222): promised 5.00x (4.00 to 6.00), came 0.25x (0.20 to "
        "0.30): it made things worse, taken back",
        "- a date (shop/main, 8a2c3b5e-3333): none of the affected queries ran in a day, so nobody knows",
        r"- orders \| by \<b\>day\</b\> (shop/main, 8a2c3b5e-2222): none of its queries ran in a whole hour since",
        "- Processor seconds.",
    ):
        assert line in text
    assert sum("an index on orders" in line for line in text) == 1, "what was kept is no broken promise"


@pytest.mark.parametrize(
    ("processor", "known", "changes", "told"),
    [
        (Saved(1800, 1500, 2100), 2, 2, "30 min (25 min to 35 min)"),
        (Saved(), 0, 2, "not known"),
        (Saved(), 0, 0, "0.0 ms (0.0 ms to 0.0 ms)"),
    ],
)
def test_of_how_many_changes_processor_seconds_are_known_is_told(
    processor: Saved, known: int, changes: int, told: str
) -> None:
    month = replace(FOUND.months[0], processor=processor, processor_changes=known, changes=changes)
    row = next(line for line in markdown(replace(FOUND, months=[month])).splitlines() if line.startswith("| 2026-11 |"))
    assert row.split(" | ")[-1] == f"{told} |"


def test_where_nothing_was_carried_out_it_says_so() -> None:
    assert markdown(EMPTY) == (
        "# What was promised and what came\n\nNo change was carried out, so nothing was saved.\n"
    )
    assert "no change was carried out" in svg(EMPTY)


def test_the_plot_stands_by_itself() -> None:
    text = svg(FOUND)
    root = fromstring(text)  # noqa: S314 - our own
    words = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert words[0] == "What was promised and what came, 2026-11, shop"
    for word in (
        "promised", "came: confirmed", "came: worse", "0.2x", "1x", "5x", "an index on orders",
        "orders | by <b>day</b> ",
        "not known",
        "times as fast as before (time before / time after, logarithmic scale), with 95 % intervals",
    ):  # fmt: skip
        assert word in words
    assert "prefers-color-scheme: dark" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", ""), "it loads nothing"
    marks = [one.get("class") for one in root.iter("{http://www.w3.org/2000/svg}g") for one in one if one.get("r")]
    assert marks == ["promised", "confirmed", "promised"]
    titles = [one.text for one in root.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == [
        "an index on orders (shop/main): the affected queries take 1/2.30 of the time; saved 2.0 h of waiting (60 min "
        "to 2.5 h) and 30 min of processor time (25 min to 35 min)",
        "orders | by <b>day</b>  (shop/main): slower; saved -30.0 s of waiting (-40.0 s to -20.0 s)",
        "a date (shop/main): none of the affected queries ran in a day, so nobody knows",
    ]


def test_the_scale_is_logarithmic_and_holds_all_that_is_drawn() -> None:
    scale = Scale([Ratio(10, 0.01, 100)])
    assert scale(100) - scale(10) == pytest.approx(scale(1) - scale(0.1), abs=0.2)
    assert LEFT < scale(0.01) < scale(100) < WIDTH - RIGHT
    assert scale.ticks == [0.01, 0.1, 1, 10, 100]
    assert Scale([]).ticks == [0.5, 1, 2]
    assert (scale(0), scale(1e9)) == (LEFT, WIDTH - RIGHT)


def test_the_command_reads_a_file_that_nobody_has_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "store.duckdb"
    monkeypatch.setenv("SIDECAR_STORE_PATH", str(store))
    made, plot = tmp_path / "report.json", tmp_path / "report.svg"
    command = ["report", "--month", "2026-11", "--json", str(made), "--svg", str(plot)]
    monkeypatch.setenv("SIDECAR_DATA_FOLDER", str(tmp_path / "data"))
    missing = CliRunner().invoke(cli, command)
    assert "`sidecar run` makes one in its data folder when it starts" in str(missing.exception)
    KnowledgeFile(store).close()
    before = store.read_bytes()
    done = CliRunner().invoke(cli, command)
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, "# What was promised and what came, 2026-11")
    assert json.loads(made.read_text())["month"] == "2026-11-01"
    assert "no change was carried out" in plot.read_text()
    assert store.read_bytes() == before
    unwritten = CliRunner().invoke(cli, ["report", "--json", str(tmp_path / "none" / "report.json")])
    assert "cannot be written (No such file or directory): name another file" in str(unwritten.exception)


def test_a_control_process_that_has_the_file_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def taken(path: Path) -> Iterator[None]:
        raise StoreTaken("")
        yield

    (tmp_path / "api-key").write_text("prefix.secret")
    (tmp_path / "api-key").chmod(0o600)
    asked: list[str] = []

    def answer(path: str) -> Answer:
        asked.append(path)
        return 200, {}, TypeAdapter(Report).dump_json(FOUND)

    with answering(answer) as url:
        monkeypatch.setenv("SIDECAR_STORE_PATH", str(tmp_path))
        monkeypatch.setenv("SIDECAR_DATA_FOLDER", str(tmp_path))
        monkeypatch.setenv("SIDECAR_HTTP_PORT", url.rpartition(":")[2])
        monkeypatch.setattr("store.knowledge.reading", taken)
        done = CliRunner().invoke(cli, ["report", "--product", "sales"])
    assert (done.exit_code, asked) == (0, ["/v1/report?product=sales"])
    assert done.stdout.startswith("# What was promised and what came")
