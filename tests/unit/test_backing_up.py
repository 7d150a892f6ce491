"""When the control process makes backups, whom it answers, and what it does where none can be made."""

import json
from concurrent.futures import wait
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from duckdb import DuckDBPyConnection

from schemas.errors import BackupError, SettingsError
from schemas.records import Decision, Ruling
from schemas.topics import REQUESTS
from store import requests
from store.backup_file import Backup, Header, Standing
from streams import backing_up
from streams.access.ordering import Ordering
from streams.backing_up import AGAIN, BackingUp
from streams.backup_key import KeySource
from streams.backups import BackupRules
from streams.deciding import Deciding
from streams.scheduling import AnalysisRules, Scheduler
from tests.deciding_store import Store
from tests.store_records import CODEC, NOON, request

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
RULES = BackupRules(Path("/backups"), KeySource("A" * 43 + "="), interval=DAY)


class Backed(Store):
    """`made` are the times of the backups that were begun."""

    def __init__(self, rules: BackupRules | None = RULES) -> None:
        super().__init__()
        self.made: list[datetime] = []
        self.fails = False
        self.backing_up = BackingUp(self.file, rules)

    def make(self, _file: object, rules: BackupRules, _key: bytes, at: datetime, _stop: object) -> Backup:
        self.made.append(at)
        if self.fails:
            raise BackupError("its disk is full")
        stands = Standing(cluster_id="c", journal_id="j", sequence=7, hash="ab", offsets=[])
        header = Header(time=at, standing=stands, bytes=9, salt="0" * 64, check="0" * 32)
        return Backup(rules.folder / f"{len(self.made)}.backup", header)

    def turn(self, now: datetime) -> list[Decision]:
        def take(tx: DuckDBPyConnection, deciding: Deciding) -> None:
            ordering = Ordering(tx, CODEC, None, None, deciding, now)
            scheduler = Scheduler(tx, CODEC, AnalysisRules(), deciding, now, ordering, None)
            scheduler.answer()
            self.backing_up.turn(tx, deciding, scheduler, now)

        taken = self.decide(take, now)
        if self.backing_up._work:
            wait([self.backing_up._work.future])
        return taken

    def ask(self, name: str) -> None:
        self.add(REQUESTS, request(kind="backup", product="", database="", event_id=name))


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Backed:
    made = Backed()
    monkeypatch.setattr(backing_up, "make", made.make)
    return made


def bodies(taken: list[Decision]) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in taken]


def answers(taken: list[Decision]) -> list[tuple[str, str, str]]:
    read = [CODEC.decode_as(Ruling, message.value) for one in taken for message in one.messages]
    return [(one.approval_id, one.verdict, one.reason) for one in read]


def test_one_is_made_at_once_and_then_in_every_interval_also_after_a_restart(store: Backed) -> None:
    assert store.turn(NOON) == []
    (body,) = bodies(store.turn(NOON + MINUTE))
    assert (body["file"], body["bytes"], body["sequence"], body["hash"]) == ("/backups/1.backup", 9, 7, "ab")
    assert (body["request"], body["closes"]) == (None, False)
    store.backing_up = BackingUp(store.file, RULES)
    store.turn(NOON + DAY)
    assert store.made == [NOON], "the decision was taken a minute later"
    store.turn(NOON + DAY + MINUTE)
    assert store.made == [NOON, NOON + DAY + MINUTE]


def test_who_asks_is_answered_once_it_is_made_and_who_asks_meanwhile_gets_the_next(store: Backed) -> None:
    store.ask("one")
    store.ask("two")
    assert store.turn(NOON) == []
    store.ask("three")
    taken = store.turn(NOON + MINUTE)
    said = "/backups/1.backup, as of sequence 7 of the journal"
    assert answers(taken) == [("one", "made", said), ("two", "made", said)]
    assert [(body["requested_by"], body["closes"]) for body in bodies(taken)] == [("alice", True)] * 2
    assert store.turn(NOON + 2 * MINUTE) == []
    assert answers(store.turn(NOON + 3 * MINUTE)) == [("three", "made", said.replace("1.", "2."))]
    assert store.made == [NOON, NOON + 2 * MINUTE]
    with store.file.reading() as tx:
        assert requests.waiting(tx, 10) == []


def test_one_that_fails_is_refused_to_who_asked_and_tried_again_after_a_while(store: Backed) -> None:
    store.fails = True
    store.ask("one")
    store.turn(NOON)
    taken = store.turn(NOON + MINUTE)
    assert [one.kind for one in taken] == ["refuse"]
    assert answers(taken) == [("one", "refused", "its disk is full")]
    assert store.turn(NOON + AGAIN) == []
    assert store.made == [NOON]
    store.fails = False
    store.turn(NOON + MINUTE + AGAIN)
    assert [one.kind for one in store.turn(NOON + 2 * MINUTE + AGAIN)] == ["backup"]


def test_without_rules_who_asks_is_refused_and_without_a_key_none_starts(store: Backed) -> None:
    store.backing_up = BackingUp(store.file, None)
    store.ask("one")
    reason = "the control process makes no backups: set SIDECAR_BACKUP_FOLDER and a key"
    assert answers(store.turn(NOON)) == [("one", "refused", reason)]
    with pytest.raises(SettingsError, match="holds no base64 of 32 bytes"):
        BackingUp(store.file, BackupRules(Path("b"), KeySource("x")))
