"""The client's wheel alone in an empty environment, with a DuckDB of each minor version that it supports."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from schemas.client.versions import TESTED, minor_of
from tests.conftest import Share
from tests.sharing import Stop

ROOT = Path(__file__).parents[2]
PRODUCT = Path(__file__).with_name("wheel_product.py")
WHOLE = ("1.2.2", "1.4.4", "2.0.0")
IN_BRIEF = ("1.3.2", "1.5.6")
"""Attached, captured, cloned and put back, but not measured, nor cloned while it writes."""
BROUGHT = {
    "annotated-types", "duckdb", "duckdb-sidecar-client", "fastavro", "pydantic", "pydantic-core", "pytz",
    "typing-extensions", "typing-inspection",
}  # fmt: skip
ASIDE = """
import logging
logging.basicConfig(format="%(name)s: %(message)s")
import duckdb
execute = duckdb.DuckDBPyConnection.execute
duckdb.__version__ = "9.1.0"
import duckdb_sidecar
for _ in range(2):
    duckdb_sidecar.instrument(product="shop", sink="queries.jsonl")
assert duckdb.DuckDBPyConnection.execute is execute
"""
NO_KAFKA = """
import duckdb_sidecar
from duckdb_sidecar.errors import SettingsError
try:
    duckdb_sidecar.instrument(product="shop", settings={"kafka": {"bootstrap.servers": "127.0.0.1:1"}})
except SettingsError as error:
    print(error)
"""


def run(command: Sequence[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"XDG_STATE_HOME": str(folder / "state")}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=150)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="session")
def wheel(share: Share) -> str:
    def build(folder: Path) -> tuple[str, Stop]:
        folder.mkdir()
        run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", folder, ROOT / "deploy/client"], folder)
        return str(next(folder.glob("*.whl"))), lambda: None

    return share("wheel", build)


@pytest.fixture(params=[*WHOLE, *IN_BRIEF])
def python(request: pytest.FixtureRequest, wheel: str, tmp_path: Path) -> Path:
    """The interpreter of an environment with the wheel, this DuckDB and nothing else."""
    uv, python = Path(sys.executable).with_name("uv"), tmp_path / "environment" / "bin" / "python"
    run([uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "environment"], tmp_path)
    run([uv, "pip", "install", "--quiet", "--python", python, wheel, f"duckdb=={request.param}"], tmp_path)
    return python


def test_each_version_that_is_said_to_be_tested_is() -> None:
    assert sorted(minor_of(version) for version in (*WHOLE, *IN_BRIEF)) == list(TESTED)


def test_the_wheel_works_alone(python: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    uv = Path(sys.executable).with_name("uv")
    installed = json.loads(run([uv, "pip", "list", "--format", "json", "--python", python], tmp_path).stdout)
    assert {package["name"] for package in installed} == BROUGHT

    assert run([python, "-c", ASIDE], tmp_path).stderr == (
        "duckdb_sidecar: duckdb_sidecar was tested with DuckDB 1.2, 1.3, 1.4, 1.5, 2.0 and stands aside on 9.1.0\n"
    )
    assert run([python, "-c", NO_KAFKA], tmp_path).stdout == (
        "confluent_kafka is missing: pip install 'duckdb-sidecar-client[kafka]', or say sink='queries.jsonl'\n"
    )

    version = request.node.callspec.params["python"]
    found = json.loads(run([python, PRODUCT, tmp_path, *(["--brief"] if version in IN_BRIEF else [])], tmp_path).stdout)
    expected = {
        "version": version,
        "hash": "d5f69553aa3a054230e2017c9eb01508",
        "holds": {"day": None, "note": None},
        "beside": "[(1000,)]",
        "attached": [[1]],
        "closed": ["the product closed its connection while it was cloned: keep one open, or ask again"],
        "put_back": True,
    }
    if version in WHOLE:
        checkpointed = found["checkpointed"]
        assert checkpointed["balanced"]
        moved = "the rows changed below the clone's snapshot: ask again when less is written"
        assert checkpointed["refused"] == [moved] * (4 - checkpointed["clones"])
        if version >= "1.4":
            assert checkpointed["clones"] == 4
        expected |= {
            "written": {"balanced": True, "refused": [], "clones": 4, "grew": True},
            "checkpointed": checkpointed,
            "rewrite": {
                "error": None,
                "clone": ["full", 1.0, found["rewrite"]["clone"][2]],
                "version": version,
                "verdict": "gain",
                "reason": found["rewrite"]["reason"],
                "equal": ["equal"],
                "not_measurable": {},
            },
            "left": [],
        }
    assert found == expected

    lines = [json.loads(line) for line in (tmp_path / "queries.jsonl").read_text().splitlines()]
    texts = [line["statement"] for line in lines]
    assert texts.count("SELECT count(*), max(note) FROM event WHERE strftime(day, '%Y-%m-%d') = $1") == 6
    assert not [text for text in texts if "duckdb_sidecar_" in text]
