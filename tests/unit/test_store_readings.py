"""Rejections by the class of their reason, counted from the tables."""

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from schemas.records import Experience
from schemas.topics import APPROVALS, READINGS, SUGGESTIONS
from store import experience, projection
from store.knowledge import MIGRATIONS, KnowledgeFile
from store.readings import Rejected
from store.report import report
from streams.access import story
from tests.access import CLUSTER, later, planned
from tests.ordered_store import ONE, Ordered
from tests.store_records import CODEC, arrived, catalog, reading, tables
from tests.unit.test_store_experience import counted

OTHER = planned(CLUSTER, rule="clustering", suggestion_id="8a2c3b5e-0000-5000-8000-000000000000")


class Rejecting(Ordered):
    """`ONE` and `OTHER` are suggested."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.add(SUGGESTIONS, ONE, OTHER)

    def counts(self) -> list[Experience]:
        with self.file.reading() as tx:
            return experience.of(tx, "sales")

    def rejected(self, month: date | None = None, product: str | None = None) -> list[Rejected]:
        with self.file.reading() as tx:
            return report(tx, month, product).rejected


def test_a_rejection_counts_by_its_class_once_it_is_read_whichever_comes_first(tmp_path: Path) -> None:
    store = Rejecting(tmp_path)
    store.approve("bob", decision="reject", reason="not now")
    assert store.counts() == [counted(rejected=1)]
    assert store.rejected() == [Rejected("", 1)]
    store.add(READINGS, reading(0, "timing"), reading(1, "doubt"))
    store.approve("alice", OTHER, decision="reject", reason="I do not believe it")
    assert store.counts() == [
        counted("clustering", rejected=1, reasons={"doubt": 1}),
        counted(rejected=1, reasons={"timing": 1}),
    ]
    assert store.rejected() == [Rejected("doubt", 1), Rejected("timing", 1)]
    assert store.rejected(date(2026, 11, 1), "sales") == store.rejected()
    assert (store.rejected(date(2026, 10, 1)), store.rejected(product="shop")) == ([], [])


def test_the_last_text_of_who_rejected_it_tells_the_reason(tmp_path: Path) -> None:
    store = Rejecting(tmp_path)
    store.add(READINGS, *(reading(offset, one) for offset, one in enumerate(["risk", "small", "done", "doubt", ""])))
    store.approve("bob", decision="comment", reason="0: before it was rejected")
    store.approve("bob", decision="reject", reason="1: too little", at=later(hours=2))
    store.approve("carol", decision="comment", reason="2: of somebody who did not reject it", at=later(hours=3))
    assert store.rejected() == [Rejected("small", 1)]
    store.approve("bob", decision="comment", reason="3: I do not believe it", at=later(hours=4))
    assert store.rejected() == [Rejected("doubt", 1)]
    store.approve("bob", decision="comment", score=2, at=later(hours=5))
    assert store.rejected() == [Rejected("doubt", 1)], "a comment without a text says nothing of it"


def test_what_words_alone_read_counts_as_if_it_were_not_understood(tmp_path: Path) -> None:
    store = Rejecting(tmp_path)
    store.approve("bob", decision="reject", reason="I have doubts about this")
    store.add(READINGS, reading(0, "done", backend="rules", model="words", version=""))
    assert store.rejected() == [Rejected("", 1)]
    assert store.counts() == [counted(rejected=1)]


def test_what_the_gate_refused_counts_nothing_however_it_was_read(tmp_path: Path) -> None:
    store = Rejecting(tmp_path)
    store.approve("bob", decision="reject", reason="0: risky")
    forged = store.team.approval("bob", ONE, later(hours=2), decision="comment", reason="1: not now")
    token = forged.token[:-4] + "AAAA"
    store.add(APPROVALS, forged.model_copy(update={"token": token}), time=later(hours=2))
    store.approve("carol", ONE, at=later(hours=2))  # has the gate look
    store.add(READINGS, reading(0, "risk"), reading(1, "timing"))
    assert store.rejected() == [Rejected("risk", 1)]


def test_of_two_readings_of_an_approval_the_first_stands_in_whatever_order_they_come(tmp_path: Path) -> None:
    first, second = reading(0, "timing", version="1"), reading(0, "doubt", version="2")
    found = []
    for place, order in (("a", (first, second)), ("b", (second, first))):
        (tmp_path / place).mkdir()
        store = Rejecting(tmp_path / place)
        store.approve("bob", decision="reject", reason="not now")
        with store.file.transaction() as tx:
            for one in order:
                offset = (first, second).index(one)
                assert not projection.apply(tx, CODEC, [arrived(READINGS.name, offset, one, partition=3)]).refused
        assert store.rejected() == [Rejected("timing", 1)]
        with store.file.reading() as tx:
            found.append(tables(tx)["readings"])
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "bad", [reading(0, "x" * 201), reading(0, "risk", probability=float("nan")), catalog(), b"\x00"]
)
def test_what_is_no_reading_is_handed_back(tmp_path: Path, bad: Any) -> None:
    store = Rejecting(tmp_path)
    with store.file.transaction() as tx:
        assert len(projection.apply(tx, CODEC, [arrived(READINGS.name, 0, bad)]).refused) == 1


def test_the_story_tells_how_a_text_was_read(tmp_path: Path) -> None:
    store = Rejecting(tmp_path)
    store.approve("bob", decision="reject", reason="after the freeze")
    store.approve("bob", decision="comment", reason="blue", at=later(hours=2))
    store.add(READINGS, reading(0, "timing"), reading(1, ""))
    with store.file.reading() as tx:
        lines = story.lines(tx, ONE.suggestion_id) or []
    assert any("rejected by bob: after the freeze (read as: not now)" in line for line in lines)
    assert any(line.endswith("(read as: not understood)") and "commented on" in line for line in lines)


def test_a_file_of_before_learns_where_its_approvals_lie(tmp_path: Path) -> None:
    before = tmp_path / "migrations"
    before.mkdir()
    for script in MIGRATIONS.glob("00[1-6]_*.sql"):
        (before / script.name).write_text(script.read_text())
    file = KnowledgeFile(tmp_path / "store.duckdb", before)
    ids = ["8a2c3b5e-1111-5000-8000-000000000000", "8a2c3b5e-2222-5000-8000-000000000000"]
    with file.transaction() as tx:
        for number, (one, place) in enumerate(zip(ids, ["0/7", ""], strict=True)):
            tx.execute(
                "INSERT INTO rulings VALUES (?, ?, now(), 'p', 'd', 'a', 'i', 'bob', 't', ?, 1, 'h', 'reject', 1, "
                "'rejected', 'r', 0, NULL, NULL, NULL, NULL, 'text')",
                [one, number, ONE.suggestion_id],
            )
            tx.execute(
                "INSERT INTO agent_decisions VALUES (?, now(), 'reject', ?, '{}', NULL, true, NULL, NULL)",
                [one, f'{{"approval": "{place}"}}'],
            )
    file.close()
    KnowledgeFile(tmp_path / "store.duckdb").close()
    with duckdb.connect(str(tmp_path / "store.duckdb")) as tx:
        assert tx.execute("SELECT approval FROM rulings ORDER BY sequence").fetchall() == [("0/7",), ("",)]
