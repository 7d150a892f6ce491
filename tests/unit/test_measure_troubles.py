"""What goes wrong on the clone is said, with what to do, and the rest is measured: nothing here rests on timing."""

import subprocess
import sys
from pathlib import Path

import pytest

from schemas.actions import CreateIndex, Rewrite
from schemas.measure.job import Job, Limits, Outcome
from schemas.measure.run import measure
from schemas.records import Candidate
from tests.jobs import candidate, clone, fingerprint, job

ROWS = 200_000
TABLE = f"CREATE TABLE t AS SELECT range AS id, range % 100 AS g, 'text ' || range AS s FROM range({ROWS})"
BY_ID = "SELECT s FROM t WHERE id = 77"
TOTAL = "SELECT sum(length(s)) FROM t"
INDEX = CreateIndex(name="t_by_id", table="t", columns=["id"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "job"
    found.mkdir(mode=0o700)
    return found


def indexed(*affected: str) -> Candidate:
    return candidate("index", INDEX, affected=affected)


def rewritten() -> Candidate:
    return candidate("rewrite", Rewrite(fingerprint=fingerprint(TOTAL), statement=TOTAL), affected=[TOTAL])


def measured(folder: Path, file: Path, statements: list[str]) -> Outcome:
    limits = Limits(free_bytes=0, query_s=2)
    return measure(job(file, statements, [indexed(*statements)], limits=limits), folder)


def test_a_view_over_files_that_are_gone_is_not_measurable_and_the_rest_is(folder: Path) -> None:
    data = folder / "part.csv"
    data.write_text("a\n1\n")
    file = clone(folder, TABLE, f"CREATE VIEW gone AS FROM read_csv('{data}')")
    data.unlink()
    beside = "SELECT count(*) FROM t JOIN gone ON g = a"
    outcome = measured(folder, file, [beside, BY_ID])
    assert outcome.not_measurable == {
        fingerprint(beside): "it reaches for what the sandbox keeps closed, as a view over files does "
        "(PermissionException)"
    }
    assert (outcome.error, [result.verdict for result in outcome.results].count("not measurable")) == (None, 0)


def test_a_clone_that_vanishes_is_an_error_with_what_to_do_and_what_was_found_before_stays(folder: Path) -> None:
    file = clone(folder, TABLE)
    work = job(file, ["SELECT nonsense FROM t", BY_ID], [indexed("SELECT nonsense FROM t"), indexed(BY_ID)])
    first, second = work.request.candidates
    work = with_candidates(work, first.model_copy(update={"candidate_id": "first"}), second)

    def vanish(step: str, about: str) -> None:
        if (step, about) == ("screen", "index"):
            file.unlink()

    outcome = measure(work, folder, report=vanish)
    assert outcome.error == "the clone is gone: leave its folder to the sidecar, and ask for another analysis"
    verdicts = {result.candidate_id: (result.verdict, result.reason) for result in outcome.results}
    assert verdicts["first"][0] == "not measurable"
    assert verdicts["index"] == ("not reached", outcome.error)
    assert list(folder.iterdir()) == [], "nothing is left of it"


def with_candidates(work: Job, *candidates: Candidate) -> Job:
    return work.model_copy(update={"request": work.request.model_copy(update={"candidates": list(candidates)})})


FULL_DISK = """
import resource, sys
from pathlib import Path
from threading import Event
from schemas.measure.job import Limits
from schemas.measure.supervise import run_measure
from tests.jobs import clone, job
from tests.unit.test_measure_troubles import BY_ID, TABLE, TOTAL, indexed, rewritten
folder = Path(sys.argv[1])
file = clone(folder, TABLE)
work = job(file, [BY_ID, TOTAL], [indexed(BY_ID), rewritten()], limits=Limits(free_bytes=0))
room = file.stat().st_size + int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
print(run_measure(work, folder, Event()).model_dump_json())
"""


@pytest.mark.parametrize(
    ("room", "reason"),
    [
        (300_000, "the change cannot be made here: its disk is full (IOException)"),
        (0, "the change cannot be made here: it could not be committed, as where the disk is full"),
        (-100_000, "the clone could not be copied (File too large)"),
    ],
    ids=["while it is built", "at its commit", "while it is copied"],
)
def test_a_full_disk_costs_the_change_that_needs_room_and_no_other(folder: Path, room: int, reason: str) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(folder), str(room)]
    ended = subprocess.run(command, capture_output=True, text=True)
    outcome = Outcome.model_validate_json(ended.stdout or ended.stderr)
    index, rewrite = outcome.results
    assert (outcome.error, index.verdict) == (None, "not measurable")
    assert index.reason.startswith(reason)
    assert rewrite.verdict != "not measurable"
    assert list(folder.iterdir()) == []
