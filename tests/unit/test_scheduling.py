"""What the control process decides from the tables, each decision applied as the journal would bring it."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from duckdb import DuckDBPyConnection

from schemas.canonical import canonical
from schemas.records import AnalysisRequest, Column, Decision, Mute, Outgoing, Table
from schemas.topics import ANALYSIS_REQUESTS, CATALOGS, DEAD_LETTERS, PATTERNS, REQUESTS, SUGGESTIONS
from store import analyses, decisions, journal, messages, outbox, requests
from store.approvals import Ruled
from streams.access.ordering import Ordering
from streams.access.policy import Policy, read
from streams.deciding import Deciding
from streams.scheduling import AnalysisRules, Keeping, Scheduler
from tests.access import with_changes
from tests.deciding_store import Store
from tests.store_records import CODEC, NOON, catalog, pattern, pattern_batch, request, suggestion

MINUTE = timedelta(minutes=1)
RULES = AnalysisRules(min_runs=10, min_interval=30 * MINUTE, deadline=20 * MINUTE)
KEEPING = Keeping()


class Scheduled(Store):
    policy: Policy | None = None

    def turn(self, now: datetime = NOON, rules: AnalysisRules = RULES) -> list[Decision]:
        def take(tx: DuckDBPyConnection, deciding: Deciding) -> None:
            ordering = Ordering(tx, CODEC, None, None, deciding, now)
            scheduler = Scheduler(tx, CODEC, rules, deciding, now, ordering, self.policy)
            scheduler.answer()
            scheduler.expire()
            scheduler.schedule()
            scheduler.keep(KEEPING)

        return self.decide(take, now)


@pytest.fixture
def store() -> Scheduled:
    store = Scheduled()
    store.add(CATALOGS, catalog())
    return store


def kinds(taken: list[Decision]) -> list[str]:
    return [one.kind for one in taken]


def reasons(taken: list[Decision]) -> list[str]:
    return [json.loads(one.body)["reason"] for one in taken]


def asked(decision: Decision) -> AnalysisRequest:
    (message,) = decision.messages
    assert message.topic == ANALYSIS_REQUESTS.name
    return CODEC.decode_as(AnalysisRequest, message.value)


def test_an_analysis_is_told_what_came_of_each_rule_and_what_is_muted(store: Scheduled) -> None:
    store.add(SUGGESTIONS, one := suggestion())
    body = Ruled(
        approval="0/0", approval_id="", policy="", verdict="noted", reason="", approver="bob", score=5,
        suggestion_id=one.suggestion_id, revision=1, decision="comment",
    )  # fmt: skip
    store.decide(lambda _, deciding: deciding.decide("rule", "sales", "main", canonical(body)))
    store.policy = read(with_changes(mutes=[{"rule": "ENUM", "by": "alice", "reason": "no"}]))
    store.see(10)
    found = asked(store.turn()[0])
    assert [(one.rule, one.here, one.scored) for one in found.experience] == [("selective_index", True, 1)]
    assert found.mutes == [Mute(rule="ENUM", table="", reason="muted by alice: no")]


def test_enough_new_runs_start_an_analysis_with_all_that_the_rules_need(store: Scheduled) -> None:
    store.see(9, dropped=3)
    assert store.turn() == []
    store.see(1)
    (decision,) = store.turn()
    request = asked(decision)
    assert (request.product, request.database, request.revision, request.epoch) == ("sales", "main", 1, 0)
    assert request.catalog == catalog()
    assert [(shape.statement, shape.count) for shape in request.workload] == [("SELECT a FROM t1 WHERE b = $1", 10)]
    assert (request.budget_s, request.reason) == (120, "10 new runs or more")
    assert (request.usage.named, request.usage.doubt) == ([], "that the log shows every use is not declared")
    body = json.loads(decision.body)
    assert (body["runs"], body["dropped"], body["covered"]) == (10, 3, False)
    assert (request.window_start, request.window_end) == (NOON - timedelta(seconds=1), NOON)
    assert request.event_id == decision.messages[0].message_id


def test_the_window_begins_with_the_first_run_that_is_counted(store: Scheduled) -> None:
    store.see(10)
    later = NOON + 45 * MINUTE
    request = asked(store.turn(later)[0])
    assert (request.window_start, request.window_end) == (NOON, later)


def test_runs_of_a_clock_in_2090_neither_fill_the_workload_nor_move_its_window(store: Scheduled) -> None:
    far = NOON.replace(year=2090)
    store.see(10)
    store.add(PATTERNS, pattern_batch(1, pattern(latencies=[10**9], hour=far), pattern(2, hour=far)))
    (first, kept) = store.turn()
    request = asked(first)
    assert [(shape.statement, shape.count, shape.total_us) for shape in request.workload] == [
        ("SELECT a FROM t1 WHERE b = $1", 10, 10_000)
    ]
    assert (request.window_start, request.window_end) == (NOON - timedelta(seconds=1), NOON)
    assert kept.kind == "retain", "its hours become part of the totals, and are kept no longer apart"


def test_the_next_analysis_waits_for_new_runs_and_for_the_interval(store: Scheduled) -> None:
    store.see(10)
    (first,) = store.turn()
    store.add(SUGGESTIONS, suggestion(1, of=1, analysis_id=asked(first).analysis_id))
    store.see(9)
    assert store.turn(NOON + 31 * MINUTE) == []
    store.see(1)
    assert store.turn(NOON + 29 * MINUTE) == []
    (decision,) = store.turn(NOON + 30 * MINUTE)
    assert asked(decision).revision == 2


def test_one_that_was_asked_for_in_words_does_not_spend_the_new_runs(store: Scheduled) -> None:
    store.see(10)
    store.add(REQUESTS, request(body=b'{"text": "the list is slow"}'))
    (focused,) = store.turn()
    assert asked(focused).text == "the list is slow"
    store.add(SUGGESTIONS, suggestion(1, of=1, analysis_id=asked(focused).analysis_id))
    (whole,) = store.turn(NOON + MINUTE)
    assert (asked(whole).text, asked(whole).revision) == ("", 2)


def test_none_is_started_while_one_is_under_way(store: Scheduled) -> None:
    slow = AnalysisRules(min_runs=1, min_interval=MINUTE, deadline=20 * MINUTE)
    store.see(1)
    (first,) = store.turn(rules=slow)
    store.see(1)
    assert store.turn(NOON + 19 * MINUTE, slow) == []
    identity = asked(first).analysis_id
    store.add(SUGGESTIONS, suggestion(1, of=2, analysis_id=identity))
    assert store.turn(NOON + 19 * MINUTE, slow) == []
    store.add(SUGGESTIONS, suggestion(2, of=2, analysis_id=identity))
    assert kinds(store.turn(NOON + 19 * MINUTE, slow)) == ["analyse"]


def test_one_that_was_never_answered_is_said_to_be_and_does_not_block_for_ever(store: Scheduled) -> None:
    store.see(10)
    (asked_for,) = store.turn()
    assert store.turn(NOON + 19 * MINUTE) == []
    (decision,) = store.turn(NOON + 20 * MINUTE)
    assert (decision.kind, decision.product, decision.database, decision.messages) == ("expire", "sales", "main", [])
    assert json.loads(decision.body) == {
        "kind": "expire",
        "analysis_id": asked(asked_for).analysis_id,
        "reason": "no answer came within 20 min: see whether the product runs, what its client logs, and `sidecar "
        "dead-letters`. It is asked again once it has run more queries, or now by `sidecar analyze --product sales`",
    }
    assert store.turn(NOON + 21 * MINUTE) == [], "it is said once"
    with store.file.reading() as tx:
        newest = decisions.listed(tx)[0]
    assert (newest["operation_type"], newest["context"]["reason"]) == ("expire", reasons([decision])[0])
    store.add(REQUESTS, request())
    assert kinds(store.turn(NOON + 22 * MINUTE)) == ["analyse"]


def test_what_was_not_answered_is_asked_again_when_the_product_shows_life(store: Scheduled) -> None:
    store.see(10)
    store.turn()
    assert kinds(store.turn(NOON + 30 * MINUTE)) == ["expire"]
    store.see(1)
    (again,) = store.turn(NOON + 31 * MINUTE)
    assert [shape.count for shape in asked(again).workload] == [11]


def test_one_that_was_answered_in_part_says_how_far_it_came(store: Scheduled) -> None:
    store.see(10)
    (decision,) = store.turn()
    identity = asked(decision).analysis_id
    store.add(SUGGESTIONS, suggestion(1, of=2, analysis_id=identity))
    assert reasons(store.turn(NOON + 20 * MINUTE))[0].startswith("1 of 2 suggestions came within 20 min: ")
    store.add(SUGGESTIONS, suggestion(2, of=2, analysis_id=identity))
    store.see(9)
    assert store.turn(NOON + 31 * MINUTE) == [], "it came late, and counts"


def test_a_request_is_answered_once(store: Scheduled) -> None:
    store.see(1)
    store.add(REQUESTS, request())
    (decision,) = store.turn()
    assert asked(decision).reason == "asked for by alice"
    assert store.turn(NOON + 19 * MINUTE) == []


NO_TEXT = 'the body of \'analyse\' has to be {} or {"text": "..."}, 2,000 characters at most'


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"product": "nobody"}, "nothing was ever heard of a product 'nobody': is the client attached?"),
        ({"database": "other"}, "the product has no database 'other', but main"),
        (
            {"kind": "drop everything"},
            "there is no request of kind 'drop everything', but 'analyse', 'backup' and 'rollback'",
        ),
        ({"body": b'{"budget_s": 1e9}'}, NO_TEXT),
        ({"body": b"[" * 4000}, NO_TEXT),
        ({"body": b'{"text": "' + b"a" * 2_001 + b'"}'}, NO_TEXT),
        ({"body": b'{"text": "half a character: \\ud800"}'}, NO_TEXT),
        ({"body": b'{"text": ["a"]}'}, NO_TEXT),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason_on_record(
    store: Scheduled, values: dict[str, Any], reason: str
) -> None:
    store.see(1)
    store.add(REQUESTS, request(**values))
    taken = store.turn()
    assert (kinds(taken), reasons(taken)) == (["refuse"], [reason])
    with store.file.reading() as tx:
        (row,) = decisions.listed(tx)
        assert requests.waiting(tx, 10) == []
    assert (row["operation_type"], row["executed"], row["outcome"]) == (
        values.get("kind", "analyse"),
        False,
        {"refused": reason},
    )
    assert row["context"]["request_id"] == "request-1"


def test_a_request_is_refused_where_nothing_is_known_to_analyse(store: Scheduled) -> None:
    store.add(REQUESTS, request())
    assert reasons(store.turn()) == ["no query was seen under its current catalog"]
    store.see(1, database="bare")
    store.add(REQUESTS, request(database="bare"))
    assert reasons(store.turn()) == ["its catalog is not known yet: the client reports it at its start"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ""),
        ("the list of late shipments\n\tis slow", "the list of late shipments is slow"),
        ("\x1b[31mred\x07\0 \u202eback\ufeff", "[31mred back"),
        ("日本語 🙂 " * 300, ("日本語 🙂 " * 300).strip()),
        ("drop all tables; --", "drop all tables; --"),
        ("\x01" * 2_000, ""),
    ],
)
def test_what_is_asked_for_in_words_goes_with_it_on_one_line(store: Scheduled, text: str, told: str) -> None:
    store.see(1)
    store.add(REQUESTS, request(body=json.dumps({"text": text}).encode()))
    (decision,) = store.turn()
    assert (asked(decision).text, asked(decision).reason) == (told, "asked for by alice")
    assert json.loads(decision.body)["text"] == told
    with store.file.reading() as tx:
        (row,) = decisions.listed(tx)
    assert row["context"]["text"] == told


def test_a_second_request_is_refused_while_the_first_is_under_way(store: Scheduled) -> None:
    store.see(1)
    store.add(REQUESTS, request(), request(requested_by="bob"))
    taken = store.turn()
    assert kinds(taken) == ["analyse", "refuse"]
    assert reasons(taken)[1] == "it was asked for at the same time"
    store.add(REQUESTS, request())
    (refused,) = store.turn(NOON + MINUTE)
    assert (
        reasons([refused])[0] == f"analysis {asked(taken[0]).analysis_id} is under way, until 2025-03-01 12:20:00 UTC"
    )


def test_a_request_for_a_product_is_answered_for_each_of_its_databases(store: Scheduled) -> None:
    store.add(CATALOGS, catalog(database="second"))
    store.see(1)
    store.see(1, database="second")
    store.add(REQUESTS, request(database=""))
    taken = store.turn()
    assert [(one.kind, one.database) for one in taken] == [("analyse", "main"), ("analyse", "second")]
    assert store.turn(NOON + 19 * MINUTE) == []


def large(count: int) -> list[Table]:
    column = Column(name="c" * 1000, type="INTEGER", nullable=True)
    return [
        Table(schema_name="main", name=f"t{n}", kind="table", rows=1, bytes=1, row_groups=1, columns=[column])
        for n in range(count)
    ]


def test_what_one_entry_cannot_hold_is_decided_in_the_next(store: Scheduled) -> None:
    names = ["a", "b", "c", "d"]
    for name in names:
        store.add(CATALOGS, catalog(database=name, tables=large(2000)))
        store.see(1, database=name)
    store.add(REQUESTS, request(database=""))
    turns = [store.turn() for _ in range(4)]
    assert [[one.database for one in turn] for turn in turns] == [["a", "b"], ["c", "d"], ["main"], []]
    assert all(len(asked(one).catalog.tables) == 2000 for turn in turns[:2] for one in turn)


def test_a_catalog_that_no_record_holds_is_refused_with_the_reason(store: Scheduled) -> None:
    store.add(CATALOGS, catalog(tables=large(4300)))
    store.see(1)
    store.add(REQUESTS, request())
    assert reasons(store.turn()) == ["its catalog of 4300 tables is too large for a record"]


def test_shapes_are_left_out_where_all_would_not_fit(store: Scheduled) -> None:
    store.add(CATALOGS, catalog(tables=large(3500)))
    long = [pattern(n, statement=f"SELECT {n} " + "x" * 50_000, latencies=[n * 1000]) for n in range(1, 21)]
    store.add(PATTERNS, pattern_batch(500, *long))
    store.add(REQUESTS, request())
    (decision,) = store.turn()
    request_ = asked(decision)
    assert [shape.fingerprint[-2:] for shape in request_.workload] == ["14", "13", "12", "11", "10"]
    assert json.loads(decision.body)["shapes"] == 5


def test_a_catalog_of_900_kb_is_one_like_any_other(store: Scheduled) -> None:
    store.see(1)
    store.add(CATALOGS, catalog(tables=large(850)))
    store.add(REQUESTS, request())
    assert kinds(store.turn()) == ["analyse"]


def test_what_is_decided_twice_from_the_same_tables_is_the_same(store: Scheduled) -> None:
    other = Scheduled()
    other.add(CATALOGS, catalog())
    for one in (store, other):
        one.see(10)
        one.add(REQUESTS, request(product="nobody"))
    assert store.turn() == other.turn()


def test_hours_of_long_ago_are_a_decision(store: Scheduled) -> None:
    store.see(1)
    (decision,) = store.turn(NOON + timedelta(days=9))
    assert (decision.kind, decision.product, decision.messages) == ("retain", "", [])
    assert json.loads(decision.body)["hours_since"] == "2025-03-03T00:00:00Z"
    with store.file.reading() as tx:
        assert tx.execute("SELECT period FROM pattern_hours").fetchall() == [("day",)]
    assert store.turn(NOON + timedelta(days=9)) == []


def test_a_message_is_owed_until_it_is_confirmed_and_then_said_to_be(store: Scheduled) -> None:
    store.see(10)
    (decision,) = store.turn()
    with store.file.transaction() as tx:
        (owed,) = outbox.pending(tx)
        assert owed.message == decision.messages[0]
        assert not outbox.unsettled(tx, journal.head(tx))
        assert outbox.sent(tx, 3, owes=True) == outbox.sent(tx, 3, owes=False) == 1
        outbox.remove(tx, [owed.message.message_id])
        assert outbox.unsettled(tx, journal.head(tx))
        assert outbox.sent(tx, 3, owes=True) == 2
        assert outbox.sent(tx, 3, owes=False) == 3
        status = "SELECT sender_id, recipient_id, message_type, delivery_status FROM agent_messages"
        assert tx.execute(status).fetchall() == [("control", "advise", "analyse", "pending")]
        messages.settle(tx, 2)
        assert tx.execute(status).fetchall() == [("control", "advise", "analyse", "confirmed")]


def test_a_dead_letter_is_owed_until_an_entry_says_that_it_is_confirmed(store: Scheduled) -> None:
    letter = Outgoing(message_id="letter", topic=DEAD_LETTERS.name, key=b"", value=b"unreadable")
    with store.file.transaction() as tx:
        outbox.add(tx, journal.head(tx).sequence + 1, [letter], {})
    store.see(10)
    (decision,) = store.turn()  # the entry that accounts for it
    with store.file.transaction() as tx:
        outbox.remove(tx, [decision.messages[0].message_id])
        assert not outbox.unsettled(tx, journal.head(tx))
        outbox.remove(tx, [letter.message_id])
        assert outbox.unsettled(tx, journal.head(tx))


def test_an_analysis_is_listed_with_how_far_it_is(store: Scheduled) -> None:
    store.see(10)
    (decision,) = store.turn()
    store.add(SUGGESTIONS, suggestion(1, of=2, analysis_id=asked(decision).analysis_id))
    with store.file.reading() as tx:
        (one,) = analyses.listed(tx, "sales")
    assert (one.revision, one.asked, one.deadline, one.answered, one.total, one.through) == (
        1, NOON, NOON + 20 * MINUTE, 1, 2, False,
    )  # fmt: skip


def test_a_clock_that_goes_back_starts_nothing_twice(store: Scheduled) -> None:
    store.see(10)
    store.turn()
    store.see(10)
    assert store.turn(NOON - timedelta(days=1)) == []
