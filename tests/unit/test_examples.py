"""What was said of suggestions, as examples to learn from: the same in both forms, without a literal or a name."""

import io
import json
from dataclasses import fields
from pathlib import Path

import pyarrow.parquet
import pytest
from typer.testing import CliRunner

from schemas.errors import InputError
from schemas.topics import SUGGESTIONS
from store.examples import Example, examples
from store.knowledge import KnowledgeFile
from streams.access.examples_file import SCHEMA, jsonl, parquet
from streams.cli import cli
from tests.access import INDEX, planned
from tests.ordered_store import NOON, Ordered
from tests.unit.test_verifying import Verified, promised, verdict


def of(store: Ordered) -> list[Example]:
    with store.file.reading() as tx:
        return examples(tx)


def test_what_was_said_and_what_came_stand_beside_what_was_promised(tmp_path: Path) -> None:
    store = Verified(tmp_path, promised())
    for slot in range(8):
        store.run(slot, 4_000)
    verdict(store.judge(8))
    store.approve("carol", promised(), decision="comment", score=4, reason="the page is quick")
    store.approve("carol", promised())  # she may not
    (one,) = of(store)
    assert [(said.time, said.decision, said.score, said.text) for said in one.said] == [
        (NOON, "approve", None, ""), (NOON, "comment", 4, "the page is quick")
    ]  # fmt: skip
    assert (one.rule, one.promised, one.verdict, one.came) == (
        "selective_index", 2.5, "confirmed", pytest.approx(2.3, rel=0.02))  # fmt: skip
    assert (one.approved, one.executed, one.score) == (True, True, 4)
    assert [(action.kind, json.loads(action.body)) for action in one.actions] == [
        ("create_index", INDEX.model_dump(mode="json"))
    ]


def test_what_nobody_said_anything_of_is_no_example(tmp_path: Path) -> None:
    store = Ordered(tmp_path)
    store.add(SUGGESTIONS, planned(INDEX))
    assert of(store) == []
    store.approve("bob", planned(INDEX), decision="reject", reason="we load it sorted soon")
    (one,) = of(store)
    assert (one.approved, one.executed, one.verdict, one.came) == (False, None, None, None)


def test_no_literal_and_no_name_is_in_one(tmp_path: Path) -> None:
    store = Ordered(tmp_path)
    told = planned(INDEX, statements={"1-a": "SELECT id FROM orders WHERE customer = 'canary' AND day = 4711"})
    store.add(SUGGESTIONS, told)
    store.approve("bob", told)
    (one,) = of(store)
    assert one.statements == ["SELECT id FROM orders WHERE customer = $1 AND day = $2"]
    text = jsonl([one]).decode()
    assert not any(word in text for word in ("canary", "4711", "bob"))


def test_both_forms_say_the_same(tmp_path: Path) -> None:
    store = Verified(tmp_path, promised())
    found = of(store)
    [line] = jsonl(found).splitlines()
    [row] = pyarrow.parquet.read_table(io.BytesIO(parquet(found))).to_pylist()
    assert json.loads(line) == json.loads(json.dumps(row, default=lambda at: at.isoformat().replace("+00:00", "Z")))
    assert SCHEMA.names == [field.name for field in fields(Example)]
    empty = pyarrow.parquet.read_table(io.BytesIO(parquet([])))
    assert (empty.num_rows, empty.schema) == (0, SCHEMA)


def test_the_command_writes_by_the_name_of_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDECAR_STORE_PATH", str(tmp_path / "store.duckdb"))
    KnowledgeFile(tmp_path / "store.duckdb").close()
    done = CliRunner().invoke(cli, ["feedback", "export", str(tmp_path / "said.jsonl")])
    assert done.stdout == f"0 examples in {tmp_path / 'said.jsonl'}\n"
    assert (tmp_path / "said.jsonl").read_bytes() == b""
    wrong = CliRunner().invoke(cli, ["feedback", "export", str(tmp_path / "said.csv")])
    assert isinstance(wrong.exception, InputError)
