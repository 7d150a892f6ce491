import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

CONFTEST = """
from pathlib import Path
import pytest
from tests.sharing import shared

HERE = Path(__file__).parent

@pytest.fixture(scope="session")
def log():
    def log(line):
        with (HERE / "log").open("a") as file:
            file.write(line + "\\n")
    return log

@pytest.fixture(scope="session")
def service(pytestconfig, tmp_path_factory, log):
    def start(folder):
        log("started")
        return "the address", lambda: log("stopped")
    return shared(pytestconfig, tmp_path_factory, "service", start)

def pytest_sessionfinish(session):
    if hasattr(session.config, "first"):
        (HERE / "first is done").write_text("")
"""

FIRST = """
def test_first(service, log, request, pytestconfig):
    log(f"first uses {service}")
    pytestconfig.first = True
    (request.path.parent / "first has it").write_text("")
"""

LAST = """
def test_last(request, log):
    (request.path.parent / "first has it").read_text()
    service = request.getfixturevalue("service")
    (request.path.parent / "first is done").read_text()
    log(f"last uses {service}")
"""


def test_workers_share_one_service_that_stops_after_its_last_use(tmp_path: Path) -> None:
    for pipe in ("first has it", "first is done"):
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
