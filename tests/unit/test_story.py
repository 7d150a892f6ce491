"""The whole story of a suggestion, told from the tables in order."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from typer.testing import CliRunner

from schemas.errors import InputError
from schemas.measure.verdict import NOT_REACHED
from schemas.records import Considered
from schemas.topics import CATALOGS, SUGGESTIONS
from store import history, suggestions
from store.knowledge import KnowledgeFile
from streams.access import story
from streams.cli import cli
from tests.access import ORDERS, OTHER
from tests.ordered_store import NOON, Ordered
from tests.store_records import catalog, suggestion
from tests.unit.test_verifying import Verified, promised, verdict

ONE = promised().model_copy(update={"promised_s": 30.0, "prior": 1.2})
REFUSED = Considered(rule="type_fix", title="orders.day as DATE", verdict="refused", reason="texts\nin it", speedup=0)


def told(store: Ordered) -> list[str]:
    with store.file.reading() as tx:
        found = history.why(tx, ONE.suggestion_id)
        assert found is not None
        whole = TypeAdapter(history.Story)
        assert whole.validate_json(whole.dump_json(found)) == found
        return list(story.told(found))


def test_all_that_happened_is_told_in_order(tmp_path: Path) -> None:
    store = Verified(tmp_path, ONE)
    with store.file.transaction() as tx:
        tx.execute(
            "INSERT INTO analyses SELECT ?, 'sales', 'main', 1, 1, 1, ?, ?, '1000 runs', '', ?, ?, 3, 1, 0, true, "
            "'', ''",
            [ONE.analysis_id, *[(ONE.time - timedelta(minutes=5)).replace(tzinfo=None)] * 4],
        )
    for slot in range(8):
        store.run(slot, 30_000)
    taken = store.judge(8)
    verdict(taken)
    back = store.order([one for one in taken if one.kind == "operate"])
    store.answer(back, at=NOON + timedelta(hours=1))
    lines = told(store)
    assert lines[:7] == [
        "index 1 (sales/main)",
        f"suggestion {ONE.suggestion_id}, revision 3",
        "",
        "Proposed by the rule selective_index: it is slow",
        "Before it was measured, it was expected to save 30.0 s of the 24.0 h watched, which counted 1.20 times by the "
        "rule's record.",
        "  90 runs from 2026-11-29 12:57 to 2026-11-29 13:04: SELECT a FROM t1 WHERE b = $1",
        "",
    ]
    assert lines[7:-2] == [
        "2026-11-29 11:55:00  an analysis was asked for: 1000 runs; 3 queries since 2026-11-29 11:55",
        "2026-11-29 12:00:00  measured and suggested, revision 3: 2.50x faster (2.00 to 3.00, k=8), 1.0 ms to 1.0 ms a "
        "run, on ; it costs 10.0 s to build, 1 kB more on disk, no write seen that it could slow down",
        "2026-11-29 13:00:00  bob approved 1 step of revision 3: complete: 1 of 1 steps may be done, now",
        f"2026-11-29 13:00:00  the product is told to carry out steps 1 to 1 of revision 3, by bob (operation "
        f"{store.done.operation_id})",
        "2026-11-29 13:00:00  done after 1.5 s: so it is; 2 writers were held, 4 ms at most",
        f"2026-11-29 13:05:30  the product is told to take back steps 1 to 1 of revision 3, by sidecar (operation "
        f"{back.operation_id})",
        f"2026-11-29 13:05:30  judged worse: {verdict(taken).reason}",
        "2026-11-29 14:00:00  done after 1.5 s: so it is; 2 writers were held, 4 ms at most",
    ]
    assert lines[-1] == "It was taken back."


def test_what_was_asked_for_in_words_is_told_with_how_it_was_read(tmp_path: Path) -> None:
    words = {"asked": "orders of a day are slow", "read_as": "look into orders (read by rules words)"}
    store = Verified(tmp_path, ONE.model_copy(update=words))
    assert told(store)[5:7] == [
        "Somebody asked for: orders of a day are slow",
        "It was read as: look into orders (read by rules words)",
    ]


def test_it_says_where_it_stands(tmp_path: Path) -> None:
    store = Verified(tmp_path, ONE)
    assert told(store)[-1] == "It is carried out: 1 of 1 steps."


def test_a_rejection_is_told_with_its_reason_and_a_refusal_of_the_gate_too(tmp_path: Path) -> None:
    store = Ordered(tmp_path)
    store.add(SUGGESTIONS, ONE)
    assert told(store)[-1] == "Nobody has decided on revision 3 yet."
    store.approve("carol", ONE)
    store.approve("bob", ONE, decision="reject", reason="we load it sorted soon")
    lines = told(store)
    assert [line.partition("  ")[2] for line in lines[-4:-2]] == [
        "people|carol approved 1 step of revision 3: refused: carol has no role for index (engineer, owner): alice, "
        "bob may",
        "bob rejected revision 3: rejected: rejected by bob: we load it sorted soon",
    ]
    assert lines[-1] == "It was rejected: a new revision can be approved."
    store.add(SUGGESTIONS, ONE.model_copy(update={"revision": 4}))
    assert told(store)[-1] == "Nobody has decided on revision 4 yet."


def test_what_the_product_is_not_told_is_told_with_the_reason(tmp_path: Path) -> None:
    store = Ordered(tmp_path)
    store.add(SUGGESTIONS, ONE)
    store.approve("bob", ONE)
    store.add(CATALOGS, catalog(tables=[ORDERS.model_copy(update={"columns": ORDERS.columns[:1]}), OTHER]))
    store.turn()
    lines = told(store)
    assert lines[-3].partition("  ")[2] == (
        "the product is not told to carry out steps 1 to 1 of revision 3: main.orders changed since it was planned: "
        "the next analysis plans it anew"
    )
    assert lines[-1] == "It is not carried out."


def test_the_command_tells_of_ids_and_of_what_was_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDECAR_STORE_PATH", str(tmp_path / "store.duckdb"))
    file = KnowledgeFile(tmp_path / "store.duckdb")
    with file.transaction() as tx:
        for number in (1, 2):
            suggestions.apply(tx, suggestion(number, considered=[REFUSED]), 0, number)
        older = {"time": NOON - timedelta(days=999), "analysis_id": suggestion(9).suggestion_id, "position": 0}
        old = REFUSED.model_copy(update={"title": "what was once refused"})
        suggestions.apply(tx, suggestion(3, considered=[old], **older), 0, 3)
    file.close()

    def said(text: str) -> str:
        done = CliRunner().invoke(cli, ["why", text])
        if done.exception:
            assert isinstance(done.exception, InputError)
            return str(done.exception)
        return done.stdout

    file = KnowledgeFile(tmp_path / "store.duckdb")
    with file.transaction() as tx:
        unasked = REFUSED.model_copy(update={"reason": "it was not asked for", "verdict": NOT_REACHED})
        meant = REFUSED.model_copy(update={"title": "Asked for: what is slow", "rule": "request", "reason": "unclear"})
        later = {"time": NOON + timedelta(days=1), "analysis_id": suggestion(8).suggestion_id, "position": 1}
        words = suggestion(4, considered=[unasked, meant], **later).model_copy(update={"asked": "what is slow"})
        suggestions.apply(tx, words, 0, 4)
    file.close()
    first = suggestion(1).suggestion_id
    assert said("what is slow").endswith("Asked for: what is slow (rule request): refused: unclear\n")
    assert said(first[:13]).startswith(f"index 1 (sales/main)\nsuggestion {first}, revision 1\n")
    assert said("Orders.DAY") == (
        "2025-03-01 12:00:00  sales/main: orders.day as DATE (rule type_fix): refused: texts in it\n"
    )
    assert said("type_fix") == said("Orders.DAY")
    for text in ("what was once", "", "nothing"):
        assert said(text).startswith(f"{text!r} names no suggestion alone, and nothing that the newest analyses passed")
