"""Labelling from nothing to files, on a database so small that its times mean nothing."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event

import duckdb
import pytest

from inference.distill import generator
from inference.distill.dataset import files, lists_of
from inference.distill.domains import domains
from inference.distill.labelled import Labels, parts_of
from inference.distill.labels import MANIFEST, STOPPED
from inference.distill.measuring import is_clear, labels_of
from inference.distill.queries import Draft, Templates
from inference.distill.wanted import Wanted
from schemas.actions import CreateIndex
from schemas.measure.timing import Run, Samples

ROWS, SEED = 250_000, 7
"""So that the first time is a timestamp, and there are writes, a note, and indexes that nothing uses."""
LISTS = 3


def by_month(draft: Draft) -> str:
    value = draft.stamp(draft.fact, draft.fact.columns[1], lambda moment: f"{moment:%Y-%m}")
    return f"SELECT sum(id) FROM {draft.fact.name} WHERE strftime({draft.fact.columns[1].name}, '%Y-%m') = {value}"


def by_key(draft: Draft) -> str:
    key = draft.fact.of("key")[0]
    return f"SELECT count(*), max(id) FROM {draft.fact.name} WHERE {key.name} = {draft.value(draft.fact, key)}"


def everything(draft: Draft) -> str:
    pattern = draft.text(lambda _: "%x%")
    return f"SELECT count(*) FROM {draft.fact.name} WHERE {draft.fact.of('note')[0].name} LIKE {pattern}"


def broken(draft: Draft) -> str:
    return f"SELECT CAST({draft.text(lambda _: 'none')} AS INTEGER) FROM {draft.fact.name}"


def moved(draft: Draft) -> str:
    state, own = draft.fact.of("state")[0], draft.fact.columns[0]
    value = draft.value(draft.fact, state)
    return f"UPDATE {draft.fact.name} SET {state.name} = {value} WHERE {own.name} = {draft.value(draft.fact, own)}"


TEMPLATES = Templates({by_month: 1, by_key: 1, everything: 1, broken: 1}, {moved: 1})


def label(folder: Path, stop: Event, told: list[str]) -> Labels:
    design = generator.design(domains("train")[2], SEED, ROWS)
    return labels_of(design, TEMPLATES, folder, lists=LISTS, budget_s=60.0, stop=stop, progress=told.append)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Labels, list[str]]:
    told: list[str] = []
    return label(tmp_path_factory.mktemp("work"), Event(), told), told


def test_each_change_has_its_pairs_with_both_times_and_the_band_of_the_query_itself(
    labelled: tuple[Labels, list[str]],
) -> None:
    labels, _ = labelled
    templates = [shape.template for shape in labels.shapes]
    assert sorted(templates) == ["by_key", "by_month", "everything", "moved"]
    rewrites = [one for one in labels.pairs if labels.changes[one.change].kinds == "rewrite"]
    [month] = [one for one in rewrites if labels.shapes[one.shape].template == "by_month"]
    assert month.text
    assert month.equal == "equal"
    assert 3 <= month.k <= 15
    assert min(month.before_ms, month.after_ms) > 0
    assert month.low <= month.speedup <= month.high
    assert 0 < month.aa_low <= month.aa_high
    assert all(one.problem == "" for one in labels.pairs)


def test_what_cannot_be_run_is_no_part_of_the_workload_and_told(labelled: tuple[Labels, list[str]]) -> None:
    _, told = labelled
    assert [line for line in told if "left out" in line] == [
        "left out: broken: a value cannot be converted (ConversionException)"
    ]


def test_writes_are_replayed_for_what_they_concern(labelled: tuple[Labels, list[str]]) -> None:
    labels, _ = labelled
    written = [one for one in labels.pairs if one.equal == "write"]
    assert written
    assert {labels.shapes[one.shape].template for one in written} == {"moved"}
    assert all(one.k >= 4 for one in written)
    assert all("rewrite" not in labels.changes[one.change].kinds for one in written)


def test_all_candidates_of_all_lists_that_were_drawn_have_a_label(labelled: tuple[Labels, list[str]]) -> None:
    labels, _ = labelled
    assert labels.unmeasured == 0
    found = lists_of(labels)
    assert found
    assert [one.unmeasured for one in found] == [0] * len(found)


def test_counters_are_kept_with_the_shapes(labelled: tuple[Labels, list[str]]) -> None:
    labels, _ = labelled
    [scanned] = [one for one in labels.shapes if one.template == "everything"]
    assert (scanned.rows_scanned, scanned.row_groups) == (ROWS, -(-ROWS // 122_880))


def test_a_change_with_two_texts_of_a_query_is_tried_twice() -> None:
    index = CreateIndex(table="t", name="i", columns=["c"])
    texts = {"a": {"SELECT 1": None, "SELECT 2": None}, "b": {"SELECT 3": None}}
    one = Wanted("id", [index], "rule", affected=dict.fromkeys("abc"), texts=texts)
    first, second = one.candidates()
    assert parts_of(first).texts == {"a": "SELECT 1", "b": "SELECT 3"}
    assert parts_of(second).texts == {"a": "SELECT 2"}
    assert (first.affected, second.affected) == (["c", "a", "b"], ["a"])
    assert parts_of(first).in_database == parts_of(second).in_database == [index]


def test_rewrites_that_change_no_database_are_tried_one_by_one() -> None:
    texts = {"a": {"SELECT 1": None, "SELECT 2": None}, "b": {"SELECT 3": None}}
    one = Wanted("id", [], "rule", affected=dict.fromkeys("ab"), texts=texts)
    assert [parts_of(each).texts for each in one.candidates()] == [
        {"a": "SELECT 1"}, {"a": "SELECT 2"}, {"b": "SELECT 3"}
    ]  # fmt: skip


def test_it_stops_between_two_steps_when_told_to(tmp_path: Path) -> None:
    stop = Event()
    stop.set()
    with pytest.raises(KeyboardInterrupt):
        label(tmp_path, stop, [])


def samples(before: list[float], again: list[float], after: list[float]) -> Samples:
    return Samples(*([Run(one, one) for one in of] for of in (before, again, after)))


@pytest.mark.parametrize(
    ("before", "again", "after", "clear"),
    [
        ([10, 10, 10], [10, 10, 10], [10, 10.4, 9.6], True),
        ([10, 10, 10], [10, 10, 10], [10, 10.4, 7], False),
        ([10, 10, 10], [10, 10, 10], [1, 5, 6], True),
        ([10, 10, 10], [10, 10, 10], [1, 5, 7], False),
        ([10, 10, 10], [10, 10, 10], [20, 30, 16], True),
        ([10, 10, 10], [10, 10, 10], [20, 30, 14], False),
        ([10, 10, 17], [10, 10, 10], [1, 1, 1], False),
        ([10, 10, 10], [10, 10, 12], [10, 10, 11], False),
    ],
)
def test_more_rounds_are_run_unless_all_say_the_same(
    before: list[float], again: list[float], after: list[float], clear: bool
) -> None:
    assert is_clear(samples(before, again, after)) is clear


def command(folder: Path, work: Path, databases: int) -> list[str]:
    return [
        sys.executable, "-m", "inference.distill.labels", "--folder", str(folder), "--work", str(work),
        "--rows", "5000", "--databases", str(databases), "--lists", "1", "--budget-s", "0",
    ]  # fmt: skip


def test_the_command_goes_on_where_it_was_stopped_and_leaves_nothing_half_made(tmp_path: Path) -> None:
    folder, work = tmp_path / "labels", tmp_path / "work"
    work.mkdir()
    with subprocess.Popen(command(folder, work, 3), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("[2/3"):
                os.kill(process.pid, signal.SIGINT)
                break
        rest = process.stdout.read()
    assert process.returncode == STOPPED
    assert rest.splitlines()[-1] == "stopped: the same command goes on"
    assert list(work.iterdir()) == []
    made = {file: file.stat().st_mtime_ns for file in files(folder)}
    assert 1 <= len(made) < 3

    again = subprocess.run(command(folder, work, 2), capture_output=True, text=True, check=True)
    assert again.stdout.splitlines()[0] == f"{len(made)} of 2 databases are labelled"
    assert len(files(folder)) == 2
    assert all(file.stat().st_mtime_ns == time for file, time in made.items())
    manifest = json.loads((folder / MANIFEST).read_text())
    assert sorted(manifest) == [file.name for file in files(folder)]
    assert {(entry["seed"], entry["rows"], entry["lists"]) for entry in manifest.values()} == {(1, 5000, 1)}


def test_labels_can_be_asked_by_sql(labelled: tuple[Labels, list[str]], tmp_path: Path) -> None:
    labels, _ = labelled
    file = labels.save(tmp_path)
    found = duckdb.sql(f"SELECT sum(len(pairs)), any_value(database) FROM '{file}'").fetchall()
    assert found == [(len(labels.pairs), f"blood_bank-{SEED}")]
