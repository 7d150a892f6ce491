"""Ctrl-C, as a terminal sends it to the whole process group, ends the demo and all that it started."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SMALL = """
import functools
from streams.demo import run
run.SCALE = 0.01
run.generate = functools.partial(run.generate, scale=0.01)
from streams.cli import cli
cli(["demo"])
"""
MARK = "MARK_OF_A_TEST"
END_S = 30


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


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are looked up in /proc")
@pytest.mark.usefixtures("kafka")  # where a real one cannot be had, this is skipped as the rest is
@pytest.mark.parametrize(
    "moment",
    ["starting the broker", "watching the query log"],
)
def test_ctrl_c_leaves_no_process_and_no_folder_behind(moment: str, tmp_path: Path) -> None:
    temporary, mark = tmp_path / "temporary", str(tmp_path)
    temporary.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", SMALL],
        env={**os.environ, "TMPDIR": str(temporary), MARK: mark},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as demo:
        assert demo.stdout
        said = ""
        for line in demo.stdout:
            said += line
            if moment in line:
                break
        else:
            pytest.fail(said)
        while len(marked(mark)) == 1:  # what it starts is not there yet
            time.sleep(0.05)
        os.killpg(demo.pid, signal.SIGINT)
        said += demo.communicate(timeout=END_S)[0]
    assert demo.returncode != 0
    assert "Traceback" not in said
    assert marked(mark) == {}
    assert list(temporary.iterdir()) == []
