"""A person decides by the command line, through a real Kafka, and is answered by the gate."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.topics import CATALOGS, SUGGESTIONS
from store import suggestions
from streams.access import signing
from streams.access.ordering import NO_KEY
from tests.access import CLUSTER, INDEX, ORDERS, OTHER, Team, planned
from tests.api_serving import api_of
from tests.conftest import Kafka
from tests.control_running import Topics, running
from tests.store_records import catalog

OTHER_ID = "8a2c3b5e-0000-5000-8000-000000000000"


def test_a_person_lists_shows_approves_and_rejects(kafka: Kafka, topic_prefix: str, tmp_path: Path) -> None:
    topics = Topics(kafka.bootstrap_servers, topic_prefix)
    topics.create()
    team = Team(tmp_path)
    index = planned(INDEX, time=datetime.now(UTC), title="an index on orders")
    old = index.model_copy(update={"revision": 2, "title": "what it was before"})
    rebuild = planned(CLUSTER, time=datetime.now(UTC), suggestion_id=OTHER_ID, title="orders in order")
    topics.send(CATALOGS, catalog(tables=[ORDERS, OTHER]))
    topics.send(SUGGESTIONS, index, old, rebuild)

    def sidecar(*arguments: str) -> tuple[int, str]:
        environment = {
            **os.environ, "SIDECAR_API_URL": url, "SIDECAR_DATA_FOLDER": str(tmp_path / "data"), "COLUMNS": "200",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "streams.cli", *arguments], capture_output=True, text=True, check=False,
            env=environment, cwd=tmp_path,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def key(who: str) -> str:
        return str(team.folder / "keys" / who)

    settings = topics.settings(tmp_path / "store.duckdb", policy=team.file)
    with running(settings) as control, api_of(control, topics, tmp_path / "data") as url:
        control.until(lambda tx: len(suggestions.listed(tx)) == 3)
        code, listed = sidecar("suggestions")
        assert (code, "an index on orders" in listed, "orders in order" in listed, "before" in listed) == (
            0, True, True, False), listed  # fmt: skip
        code, shown = sidecar("show", index.suggestion_id)
        assert code == 0
        assert 'step 1  create_index  way back: DROP INDEX "main"."i"' in shown
        assert index.plan_hash in shown
        code, said = sidecar("approve", index.suggestion_id[:12], "--key", key("bob"))
        how = f"Land it as code, by `sidecar code {index.suggestion_id[:13]}`: {NO_KEY}"
        assert (code, said.splitlines()[-1]) == (0, f"complete: 1 of 1 steps may be done, now. {how}")
        code, said = sidecar("comment", index.suggestion_id, "--key", key("carol"), "--score", "4")
        assert (code, said.splitlines()[-1]) == (0, "noted: noted by carol, 4 of 5")
        code, said = sidecar("approve", OTHER_ID, "--key", key("carol"))
        assert (code, said.splitlines()[-1]) == (
            1, "refused: carol has no role for rebuild (owner): alice, bob may")  # fmt: skip
        code, said = sidecar("reject", OTHER_ID, "--key", key("alice"), "--reason", "we load it sorted soon")
        assert (code, said.splitlines()[-1]) == (0, "rejected: rejected by alice: we load it sorted soon")
        code, said = sidecar("approve", "ffff", "--key", key("bob"))
        assert (code, said.strip()) == (1, "error ffff names 0 suggestions: `sidecar suggestions` lists their ids")
        code, said = sidecar("approve", OTHER_ID, "--key", str(tmp_path / "none"))
        assert (code, "make one with `sidecar keys create`" in said) == (1, True)
        code, said = sidecar("policy", "check", str(team.file), "--suggestion", OTHER_ID)
        assert (code, "step 1: cluster is of rebuild: 2 of alice, bob" in said) == (0, True)
    shipped = Path(__file__).parents[2] / "deploy" / "policy"  # without keys, as where a team checks its policy
    code, said = sidecar("policy", "test", str(shipped / "policy.toml"), str(shipped / "examples.toml"))
    assert (code, [line.split()[0] for line in said.splitlines()]) == (0, ["ok"] * 6)
    code, said = sidecar("keys", "create", "dave", "--key", str(tmp_path / "dave.json"))
    assert (code, signing.load(tmp_path / "dave.json").public["kid"] in said) == (0, True)
    code, said = sidecar("policy", "check", str(team.file))
    assert (code, "create_index, drop_index" in said) == (0, True)


@pytest.fixture(autouse=True)
def _in_utf8(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
