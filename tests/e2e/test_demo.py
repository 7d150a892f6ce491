"""The demo, on little data, leaves nothing behind: come to its end, or ended by Ctrl-C, as a terminal sends it to the
whole process group.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SMALL = """
import functools, sys
from streams.demo import run
run.SCALE = 0.01
run.BUDGET_S = 2
run.FIRST_ANALYSIS_RUNS = 100
run.generate = functools.partial(run.generate, scale=0.01)
from streams.cli import cli
cli(sys.argv[1:])
"""
MARK = "MARK_OF_A_TEST"
END_S, WHOLE_S = 30, 120


def marked(mark: str) -> dict[int, str]:
    """The command lines of the processes that inherited the mark, or work in a folder of that name."""
    found = {}
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and int(process.name) != os.getpid():
            try:
                command = (process / "cmdline").read_text()
                if f"{MARK}={mark}".encode() in (process / "environ").read_bytes() or mark in command:
                    found[int(process.name)] = command
            except OSError:
                continue  # it has ended, or is another user's
    return found


pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are looked up in /proc"),
    pytest.mark.usefixtures("kafka"),  # where a real one cannot be had, this is skipped as the rest is
]


@contextmanager
def demo_in(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """With its temporary folders in `folder`, whose name is the mark of what it starts."""
    with subprocess.Popen(
        [sys.executable, "-c", SMALL, "demo", *arguments],
        env={**os.environ, "TMPDIR": str(folder), MARK: str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as demo:
        yield demo


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    (tmp_path / "temporary").mkdir()
    return tmp_path / "temporary"


def test_it_comes_to_its_end_by_itself_and_writes_what_it_suggests_as_json(temporary: Path, tmp_path: Path) -> None:
    with demo_in(temporary, "--json", str(tmp_path / "said.json")) as demo:
        said = demo.communicate(timeout=WHOLE_S)[0]
    assert demo.returncode == 0, said
    found = json.loads((tmp_path / "said.json").read_text())
    assert set(found) == {"suggestions", "nothing_to_do", "refused", "counts"}
    counts = found["counts"]
    assert len(found["suggestions"]) == counts["suggestions"]
    assert (counts["suggestions"] > 0) == (found["nothing_to_do"] == [])
    assert len(found["refused"]) == counts["refused"] > 0
    assert counts["runs"] > 0
    assert counts["dead_letters"] == 0
    assert marked(str(temporary)) == {}
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    "moment",
    ["starting the broker", "watching the query log"],
)
def test_ctrl_c_leaves_no_process_and_no_folder_behind(moment: str, temporary: Path) -> None:
    with demo_in(temporary) as demo:
        assert demo.stdout
        said = ""
        for line in demo.stdout:
            said += line
            if moment in line:
                break
        else:
            pytest.fail(said)
        while len(marked(str(temporary))) == 1:  # what it starts is not there yet
            time.sleep(0.05)
        os.killpg(demo.pid, signal.SIGINT)
        said += demo.communicate(timeout=END_S)[0]
    assert demo.returncode != 0
    assert "Traceback" not in said
    assert marked(str(temporary)) == {}
    assert list(temporary.iterdir()) == []
