import os
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.sharing import Stop, shared

ROOT = Path(__file__).parents[2]


def test_the_service_ends_when_its_last_user_does(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> None:
    log: list[str] = []

    def start(_: Path) -> tuple[str, Stop]:
        log.append("started")
        return "the address", lambda: log.append("stopped")

    first, last = ExitStack(), ExitStack()
    for worker in (first, last):
        assert shared(worker.callback, tmp_path_factory, request.node.name, start) == "the address"
    ending = threading.Thread(target=first.close)
    ending.start()
    ending.join(0.2)
    log.append("used")
    last.close()
    ending.join()
    assert log == ["started", "used", "stopped"]


CONFTEST = """
from pathlib import Path
import pytest
from tests.sharing import shared

@pytest.fixture(scope="session")
def log():
    def log(line):
        with Path(__file__).with_name("log").open("a") as file:
            file.write(line + "\\n")
    return log

@pytest.fixture(scope="session")
def service(pytestconfig, tmp_path_factory, log):
    def start(folder):
        log("started")
        return "the address", lambda: log("stopped")
    return shared(pytestconfig.add_cleanup, tmp_path_factory, "service", start)
"""

FIRST = """
def test_first(service, log, request):
    log(f"first uses {service}")
    (request.path.parent / "first has it").write_text("")
    (request.path.parent / "last has it").read_text()
"""

LAST = """
def test_last(log, request):
    (request.path.parent / "first has it").read_text()
    service = request.getfixturevalue("service")
    (request.path.parent / "last has it").write_text("")
    log(f"last uses {service}")
"""


def test_the_workers_of_a_run_have_one_service(tmp_path: Path) -> None:
    for pipe in ("first has it", "last has it"):
        os.mkfifo(tmp_path / pipe)
    for name, text in (("conftest", CONFTEST), ("test_first", FIRST), ("test_last", LAST)):
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    subprocess.run(
        [sys.executable, "-m", "pytest", "-n2", "--dist=loadfile", f"--basetemp={tmp_path}/temporary", tmp_path],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        check=True,
    )
    assert (tmp_path / "log").read_text().splitlines() == [
        "started",
        "first uses the address",
        "last uses the address",
        "stopped",
    ]
