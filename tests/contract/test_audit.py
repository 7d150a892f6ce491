"""The journal as an audit: what was done to it is found, and what is written out of it can be read without us."""

import hashlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from schemas.errors import InputError, SignatureError, StoreError
from schemas.records import Decision, JournalEntry
from schemas.tokens import Key, keys_of
from schemas.topics import JOURNAL
from store import heads
from store.chain import DECISION, EPOCH, Head
from streams import audit, audit_export
from streams.access.ordering import OrderKey, order_key
from streams.access.signing import create
from streams.audit import Kept
from streams.audit_export import export
from streams.broker.mock import MockKafka
from streams.control import ControlSettings
from tests.chained import entry, follow
from tests.commands import commands
from tests.conftest import Kafka
from tests.control_running import CODEC, Topics, running
from tests.store_records import NOON

RULED = {
    "kind": "rule", "approver": "bob", "suggestion_id": "s-1", "verdict": "refused", "reason": "it expired",
}  # fmt: skip
ANALYSED = {"kind": "analyse", "analysis_id": "a-1", "reason": "1000 new runs or more"}


def decision(number: int, body: dict[str, Any]) -> Decision:
    return Decision(
        decision_id=f"d-{number}", kind=body["kind"], product="sales", database="main",
        body=json.dumps(body).encode(), messages=[],
    )  # fmt: skip


class Journaled:
    """A journal of five entries on a broker, signed; each test sends what it is about."""

    def __init__(self, topics: Topics, folder: Path) -> None:
        self.topics = topics
        self.settings: ControlSettings = topics.settings(folder / "none.duckdb")
        self.keys: dict[str, Key] = keys_of({"keys": [create(folder / "k.json", "sidecar", "c").public]}, bound=False)
        self.key: OrderKey = order_key(folder / "k.json")
        self.told: list[str] = []
        head = Head()
        self.entries: list[JournalEntry] = []
        for kind, decisions in (
            (EPOCH, []),
            (DECISION, [decision(1, RULED), decision(2, ANALYSED)]),
            ("checkpoint", []),
            (DECISION, [decision(3, ANALYSED)]),
            ("checkpoint", []),
        ):
            one = self.signed(entry(head, kind, decisions=decisions))
            head = follow(head, one, len(self.entries))
            self.entries.append(one)

    def signed(self, one: JournalEntry) -> JournalEntry:
        return heads.signed(one, self.key.private, self.key.kid)

    def verify(self, *entries: JournalEntry, keys: dict[str, Key] | None = None, kept: Path | None = None) -> list[str]:
        """What was told, after these entries were sent."""
        self.topics.send(JOURNAL, *entries)
        trusted = self.keys if keys is None else keys
        told: list[str] = []
        audit.verify(self.settings, CODEC, told.append, trusted, audit.kept_in(kept, trusted) if kept else None)
        return told

    def head(self, folder: Path, number: int = 5, **changes: Any) -> Path:
        head = heads.head_of(self.entries[number - 1]).model_copy(update=changes)
        file = folder / "head.json"
        file.write_text(head.model_dump_json())
        return file


@pytest.fixture
def topics(mock_kafka: MockKafka, topic_prefix: str) -> Topics:
    mock_kafka.create_topic(topic_prefix + JOURNAL.name, 1)
    return Topics(mock_kafka.bootstrap_servers, topic_prefix)


@pytest.fixture
def journaled(topics: Topics, tmp_path: Path) -> Journaled:
    return Journaled(topics, tmp_path)


def test_a_journal_holds_with_its_signatures_and_a_head_of_before(journaled: Journaled, tmp_path: Path) -> None:
    assert journaled.verify(*journaled.entries, kept=journaled.head(tmp_path, 3)) == [
        "reading the journal from its first entry",
        f"the journal holds: sequence 1 to 5, {journaled.entries[-1].hash[:12]}",
        "its last entry is signed by the control process, which vouches for all before it",
    ]


def test_without_a_key_or_a_signature_that_is_said(journaled: Journaled) -> None:
    said = journaled.verify(*journaled.entries, keys={})[-1]
    assert said == "by whom it is signed was not looked at: set SIDECAR_OPERATION_KEY, or give --keys"
    unsigned = entry(follow_all(journaled.entries))
    said = journaled.verify(unsigned, keys={})[-1]
    assert said == "its last entry is not signed: with SIDECAR_OPERATION_KEY the control process signs each"
    with pytest.raises(StoreError, match="nobody has signed sequence 6 to 6 of the journal"):
        journaled.verify()


def follow_all(entries: list[JournalEntry]) -> Head:
    head = Head()
    for offset, one in enumerate(entries):
        head = follow(head, one, offset)
    return head


def changed(one: JournalEntry) -> JournalEntry:
    return one.model_copy(update={"decisions": [decision(1, {**RULED, "approver": "mallory"})]})


def resealed(made: Journaled) -> list[JournalEntry]:
    """As somebody without the key would write it anew, from the second entry on."""
    first, head = made.entries[0], follow(Head(), made.entries[0], 0)
    second = entry(head, DECISION, decisions=[decision(1, ANALYSED)])
    return [first, second.model_copy(update={"signature": made.entries[1].signature})]


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        (lambda j: [j.entries[0], changed(j.entries[1])], "sequence 2 of the journal does not hold: .* is damaged"),
        (lambda j: [j.entries[0], *j.entries[2:]], "sequence 2 of the journal does not hold: the journal is broken"),
        (lambda j: [j.entries[0], j.entries[2], j.entries[1]], "sequence 2 of the journal does not hold: .* is broken"),
        (lambda j: j.entries[1:], "sequence 1 of the journal does not hold: the journal is broken"),
        (resealed, "sequence 2 of the journal does not hold: its signature does not hold: it was forged"),
        (
            lambda j: [j.entries[0].model_copy(update={"signature": "x"})],
            "sequence 1 of the journal does not hold: its signature does not hold",
        ),
    ],
    ids=["changed", "gap", "reordered", "first gone", "written anew", "signature changed"],
)
def test_what_was_done_to_the_journal_is_found_with_the_first_sequence_that_does_not_hold(
    journaled: Journaled, entries: Any, problem: str
) -> None:
    with pytest.raises(StoreError, match=f"^{problem}"):
        journaled.verify(*entries(journaled))


def test_an_entry_of_another_key_is_found(journaled: Journaled, tmp_path: Path) -> None:
    create(tmp_path / "thief.json", "sidecar", "c")
    thief = order_key(tmp_path / "thief.json")
    forged = heads.signed(journaled.entries[0], thief.private, thief.kid)
    problem = "sequence 1 of the journal does not hold: it is signed by no key that is trusted here"
    with pytest.raises(StoreError, match=problem):
        journaled.verify(forged)


def test_a_signature_of_another_entry_or_purpose_is_none(journaled: Journaled) -> None:
    first = heads.head_of(journaled.entries[0])
    for other in (
        first.model_copy(update={"sequence": 2}),
        first.model_copy(update={"epoch": 1}),
        first.model_copy(update={"time": NOON.replace(year=2000)}),
        first.model_copy(update={"hash": "0" * 64}),
        first.model_copy(update={"signature": ""}),
    ):
        with pytest.raises(SignatureError):
            other.verify(journaled.keys)
    first.verify(journaled.keys)


def test_a_tail_that_was_cut_off_shows_against_a_kept_head(journaled: Journaled, tmp_path: Path) -> None:
    kept = journaled.head(tmp_path)
    assert len(journaled.verify(*journaled.entries[:3])) == 3, "the journal alone does not tell"
    with pytest.raises(StoreError, match="ends at sequence 3, .*head.json holds sequence 5: its tail was cut off"):
        journaled.verify(kept=kept)


def test_a_journal_that_was_written_anew_shows_against_a_kept_head(journaled: Journaled, tmp_path: Path) -> None:
    kept = journaled.head(tmp_path, 2)
    second = entry(follow(Head(), journaled.entries[0], 0))
    with pytest.raises(StoreError, match="sequence 2 of the journal is not the one that .*head.json holds"):
        journaled.verify(journaled.entries[0], journaled.signed(second), kept=kept)


def test_a_kept_head_that_was_changed_or_is_none_is_refused(journaled: Journaled, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="head.json does not hold: its signature does not hold"):
        audit.kept_in(journaled.head(tmp_path, sequence=4), journaled.keys)
    (tmp_path / "head.json").write_text('{"sequence": 1}')
    with pytest.raises(InputError, match="head.json is no head of a journal: `sidecar audit head` writes one"):
        audit.kept_in(tmp_path / "head.json", {})
    with pytest.raises(InputError, match="none.json cannot be read: No such file"):
        audit.kept_in(tmp_path / "none.json", {})


def test_keys_come_from_a_set_or_else_are_the_control_processs_own(tmp_path: Path) -> None:
    own = create(tmp_path / "own.json", "sidecar", "c").public
    other = create(tmp_path / "other.json", "sidecar", "c").public
    (tmp_path / "keys.jwks").write_text(json.dumps({"keys": [other]}))
    assert list(audit.trusted(tmp_path / "own.json", None)) == [own["kid"]]
    assert list(audit.trusted(tmp_path / "own.json", tmp_path / "keys.jwks")) == [other["kid"]]
    assert audit.trusted(None, None) == {}
    for text, problem in (("[]", "is no JWK set"), ("{", "is no JWK set"), ('{"keys": []}', "at least one key")):
        (tmp_path / "keys.jwks").write_text(text)
        with pytest.raises(InputError, match=problem):
            audit.trusted(None, tmp_path / "keys.jwks")


def test_what_is_written_out_can_be_queried_and_verified_without_us(journaled: Journaled, tmp_path: Path) -> None:
    journaled.topics.send(JOURNAL, *journaled.entries)
    folder = tmp_path / "out" / "audit"
    export(journaled.settings, CODEC, journaled.told.append, journaled.keys, folder)
    assert sorted(one.name for one in folder.iterdir()) == ["head.json", "journal.jsonl", "journal.parquet"]
    assert [one.name for one in folder.parent.iterdir()] == ["audit"]
    connection = duckdb.connect()
    found = connection.sql(
        f"SELECT sequence, kind, epoch, decision, product, subject, \"by\", reason, body->>'verdict', time = "
        f"'2025-03-01 12:00' FROM '{folder / 'journal.parquet'}' ORDER BY sequence, decision_id"
    ).fetchall()
    analysed = ("analyse", "sales", "a-1", None, "1000 new runs or more", None, True)
    assert found == [
        (1, "epoch", 0, *[None] * 6, True),
        (2, "decision", 0, "rule", "sales", "s-1", "bob", "it expired", "refused", True),
        (2, "decision", 0, *analysed),
        (3, "checkpoint", 0, *[None] * 6, True),
        (4, "decision", 0, *analysed),
        (5, "checkpoint", 0, *[None] * 6, True),
    ]
    before = "0" * 64
    lines = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    for line in lines:
        told, _ = line.pop("hash"), line.pop("signature")
        again = json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert (hashlib.sha256(again.encode()).hexdigest(), line["previous_hash"]) == (told, before)
        before = told
    assert len(lines) == 5
    assert audit.kept_in(folder / "head.json", journaled.keys) == Kept(5, before, str(folder / "head.json"))
    bodies = connection.sql(
        f"SELECT decode(unhex(d.body)) FROM (SELECT unnest(decisions) AS d FROM '{folder / 'journal.jsonl'}')"
    )
    assert [json.loads(body)["kind"] for (body,) in bodies.fetchall()] == ["rule", "analyse", "analyse"]


def test_a_journal_that_does_not_hold_is_not_written_out_and_nothing_is_left(
    journaled: Journaled, tmp_path: Path
) -> None:
    journaled.topics.send(JOURNAL, journaled.entries[0], journaled.entries[2])
    with pytest.raises(StoreError, match="sequence 2 of the journal does not hold"):
        export(journaled.settings, CODEC, print, journaled.keys, tmp_path / "out" / "audit")
    assert list((tmp_path / "out").iterdir()) == []
    with pytest.raises(InputError, match="there is .*out already"):
        export(journaled.settings, CODEC, print, journaled.keys, tmp_path / "out")


def test_one_that_is_ended_while_it_is_written_leaves_nothing(
    journaled: Journaled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journaled.topics.send(JOURNAL, *journaled.entries)

    def interrupted(*given: Any) -> Any:
        for link in audit.walk(*given):
            yield link
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(audit_export, "walk", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export(journaled.settings, CODEC, print, journaled.keys, tmp_path / "out" / "audit")
    assert list((tmp_path / "out").iterdir()) == []


def test_the_control_process_signs_and_its_head_is_kept_and_found_again(
    kafka: Kafka, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    topics = Topics(kafka.bootstrap_servers, topic_prefix)
    topics.create()
    key, head = tmp_path / "k.json", tmp_path / "head.json"
    create(key, "sidecar", "c")
    with running(topics.settings(tmp_path / "store.duckdb", operation_key=key)) as control:
        control.until(lambda _: control.control.health.epoch >= 0)
    sidecar = commands(monkeypatch, topics, operation_key=key)
    printed = sidecar("audit", "head").stdout
    assert json.loads(printed)["sequence"] == topics.count(JOURNAL)
    head.write_text(printed)
    held = sidecar("audit", "verify", "--head", str(head))
    assert held.exit_code == 0, held.exception
    assert held.stdout.splitlines()[-1] == f"it holds the head in {head}"
    assert "its last entry is signed by the control process" in held.stdout
    head.write_text(printed.replace('"sequence":', '"sequence":1'))
    assert "the head in" in str(sidecar("audit", "verify", "--head", str(head)).exception)
    exported = sidecar("audit", "export", str(tmp_path / "out"))
    assert exported.stdout.splitlines()[-1] == f"{topics.count(JOURNAL)} entries are in {tmp_path / 'out'}"
    assert (tmp_path / "out" / "head.json").read_text() == printed
