import sys
from pathlib import Path
from threading import Event

import pytest

from schemas.client.snapshot import make_snapshot
from schemas.errors import CloneError


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_the_command_gets_the_file_as_its_last_argument_and_no_shell_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "a $(touch hit) clone.duckdb"
    make_snapshot(python("import sys, pathlib; pathlib.Path(sys.argv[1]).write_text('rows')"), file, 60, Event())
    assert (file.read_text(), oct(file.stat().st_mode & 0o777)) == ("rows", "0o600")
    assert [entry.name for entry in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (python("raise SystemExit(3)"), "failed with status 3"),
        (python("pass"), "left no file"),
        (["/no/such/command"], "cannot be run"),
    ],
)
def test_a_command_that_makes_no_snapshot_is_told(tmp_path: Path, command: list[str], message: str) -> None:
    with pytest.raises(CloneError, match=message):
        make_snapshot(command, tmp_path / "clone.duckdb", 60, Event())


def test_a_command_that_does_not_end_is_stopped_with_its_children(tmp_path: Path) -> None:
    stop = Event()
    stop.set()
    forever = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    with pytest.raises(CloneError, match="snapshot_command was stopped after 0 s"):
        make_snapshot(python(forever), tmp_path / "clone.duckdb", 60, stop)
