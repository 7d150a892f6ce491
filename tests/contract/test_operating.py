"""Orders to a product's own process and their outcomes, on the mock broker and on a real one."""

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from threading import Event as Signal
from uuid import uuid4

import duckdb
import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

import schemas
from schemas.actions import ChangeType, Cluster, CreateIndex, SortKey
from schemas.client import watching
from schemas.client.operating import Operating
from schemas.orders import sign
from schemas.topics import DEAD_LETTERS, OPERATIONS, OUTCOMES
from streams.access.ordering import order_key
from streams.access.signing import create
from tests import created_topics
from tests.operated_product import WAIT_S, Product, ready
from tests.operating import Killed, killed_at

INDEX = CreateIndex(table="visits", name="visits_page", columns=["page"])
BY_DAY = Cluster(table="visits", keys=[SortKey(column="day")])
NUMBER = ChangeType(table="visits", column="number", from_type="VARCHAR", to_type="INTEGER")


@pytest.fixture(params=["mock", "apache"])
def product(
    request: pytest.FixtureRequest, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Product]:
    topics = (OPERATIONS, OUTCOMES, DEAD_LETTERS)
    if request.param == "mock":
        mock = request.getfixturevalue("mock_kafka")
        for topic in topics:
            mock.create_topic(topic_prefix + topic.name, topic.partitions)
        servers = mock.bootstrap_servers
    else:
        servers = request.getfixturevalue("kafka").bootstrap_servers
        new = [NewTopic(topic_prefix + topic.name, topic.partitions, 1) for topic in topics]
        admin = AdminClient({"bootstrap.servers": servers})
        created_topics.create_topics(admin, *new)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    file = tmp_path / "shop.duckdb"
    schemas.instrument("sales", database=file, sink=tmp_path / "log.jsonl")
    connection = duckdb.connect(file)
    connection.execute("""
        CREATE TABLE visits(id INTEGER PRIMARY KEY, day DATE, page VARCHAR, number VARCHAR);
        CREATE INDEX visits_day ON visits(day);
        INSERT INTO visits SELECT range, DATE '2020-01-01' + (range * 7 % 60)::INTEGER, 'p' || range % 5, range::VARCHAR
        FROM range(20000);
    """)
    created_key = create(tmp_path / "order.json", "sidecar", "control")
    yield Product(servers, topic_prefix, tmp_path, order_key(tmp_path / "order.json"), created_key.public, connection)
    connection.close()
    schemas.uninstrument()


@pytest.fixture
def opened(product: Product) -> Iterator[Operating]:
    operating = product.operating()
    ready(operating)
    yield operating
    operating.close()


def test_an_order_is_carried_out_and_answered_and_its_repetition_gets_the_same_answer(
    product: Product, opened: Operating
) -> None:
    order = product.order(INDEX)
    product.send(order)
    (outcome,) = product.outcomes(1, opened)
    assert (outcome.operation_id, outcome.kind, outcome.state, outcome.reason) == (
        order.operation_id, "apply", "done", "1 moves")  # fmt: skip
    assert (outcome.suggestion_id, outcome.plan_hash, outcome.last) == (order.suggestion_id, order.plan_hash, 1)
    assert (outcome.instance, outcome.product, outcome.database) == ("web-1", "sales", "shop")
    indexes = product.connection.execute("SELECT index_name FROM duckdb_indexes() ORDER BY ALL").fetchall()
    assert indexes == [("visits_day",), ("visits_page",)]
    product.send(order)
    assert product.outcomes(2, opened) == [outcome, outcome]
    back = order.model_copy(update={"kind": "revert", "operation_id": str(uuid4()), "number": 2})
    product.send(back)
    assert product.outcomes(3, opened)[-1].state == "done"
    assert product.connection.execute("SELECT count(*) FROM duckdb_indexes()").fetchall() == [(1,)]


def test_writers_of_the_product_wait_fail_at_nothing_and_lose_nothing(product: Product, opened: Operating) -> None:
    stop, failures = Signal(), []
    kept: dict[int, str] = {key: str(key) for key in range(20000)}

    def write(number: int) -> None:
        connection = product.connection.cursor()
        fresh = 100_000 + number
        while not stop.is_set():
            try:
                connection.execute("BEGIN")
                connection.execute("INSERT INTO visits VALUES (?, DATE '2021-01-01', 'p1', '5')", [fresh])
                connection.execute("UPDATE visits SET number = '7' WHERE id = ?", [fresh % 5000])
                connection.execute("COMMIT")
                kept[fresh], kept[fresh % 5000] = "5", "7"
                connection.execute("DELETE FROM visits WHERE id = ?", [10_000 + fresh % 5000])
                kept.pop(10_000 + fresh % 5000, None)
            except duckdb.Error as error:
                failures.append(error)
                connection.execute("ROLLBACK")
            fresh += 2

    writers = [threading.Thread(target=write, args=[number]) for number in range(2)]
    for writer in writers:
        writer.start()
    try:
        states = []
        for number, bodies in enumerate([(INDEX,), (BY_DAY,), (NUMBER,)]):
            product.send(product.order(*bodies))
            states.append(product.outcomes(number + 1, opened)[-1])
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert [(one.state, one.reason) for one in states] == [
        ("done", "1 moves"),
        ("done", "1 moves"),
        ("done", "5 moves"),
    ]
    assert failures == []
    assert all(one.waiting for one in states)
    found = product.connection.execute("SELECT id, number::VARCHAR FROM visits").fetchall()
    assert (len(found), dict(found)) == (len(kept), kept)


def test_what_is_not_in_order_is_refused_with_the_reason(product: Product, opened: Operating) -> None:
    now = datetime.now(UTC)
    first = product.order(INDEX, epoch=7, number=5)
    product.send(
        first,
        product.order(INDEX, epoch=6, number=9),
        product.order(INDEX, epoch=7, number=5),
        product.order(INDEX, epoch=7, number=6, deadline=now - timedelta(seconds=1)),
        product.order(INDEX, epoch=7, number=6, issued=now + timedelta(hours=1), deadline=now + timedelta(hours=2)),
        product.order(INDEX, epoch=7, number=6, plan_hash="another"),
        product.order(INDEX, epoch=7, number=6, last=2),
        product.order(INDEX, epoch=7, number=6, file_id="another"),
    )
    done, *refused = product.outcomes(8, opened)
    assert done.state == "done"
    assert {one.state for one in refused} == {"refused"}
    assert [one.reason.partition(":")[0][:38] for one in refused] == [
        "it is of control epoch 6, and orders o",
        "it is order 5, and order 5 was taken b",
        "it was to be begun until " + f"{now:%Y-%m-%d %H}",
        "it was made at " + f"{now + timedelta(hours=1):%Y-%m-%d %H}",
        "its steps are not those of the plan th",
        "its steps are not those of the plan th",
        "it is another file than the one that w",
    ]


def test_what_nobody_has_signed_is_a_dead_letter_and_never_carried_out(
    product: Product, opened: Operating, tmp_path: Path
) -> None:
    create(tmp_path / "thief.json", "sidecar", "control")
    thief = order_key(tmp_path / "thief.json")
    order = product.order(INDEX)
    _, forged = sign(order, thief.private, product.key.kid)
    _, of_another = sign(order.model_copy(update={"last": 0}), product.key.private, product.key.kid)
    product.send(order, signature=forged)
    product.send(order, signature=of_another)
    product.send(order, signature="")
    product.send(order, database="elsewhere")
    product.send(b"unreadable")
    product.send(order, instance="web-2")  # another process answers it
    letters = product.letters(5, opened)
    assert [one.error for one in letters] == ["OperationError"] * 4 + ["RecordError"]
    assert [one.message.partition(",")[0].partition(" that")[0] for one in letters[:4]] == [
        "its signature does not hold: it was forged",
        "its signature does not hold: it was forged",
        "its signature does not hold: it was forged",
        "it is addressed to another one than the order",
    ]
    product.send(order)
    assert [one.state for one in product.outcomes(1, opened)] == ["done"], "none of them has used up its number"


@pytest.mark.parametrize("other", [{"database": "archive"}, {"product": "stock"}], ids=["database", "product"])
def test_a_signed_order_for_another_database_is_not_carried_out_under_this_ones_key(
    product: Product, opened: Operating, other: dict[str, str]
) -> None:
    """Between two databases in memory nothing else would tell: neither has a file's id, and the tables may be alike."""
    product.send(product.order(INDEX, **other))
    (letter,) = product.letters(1, opened)
    made_for = {"database": "shop", "product": "sales", **other}
    assert (letter.error, letter.message) == (
        "OperationError",
        f"it was made for {made_for['database']!r} of {made_for['product']!r}, and came under the key of 'shop' of "
        "'sales': who sent it again?",
    )
    assert product.connection.execute("SELECT count(*) FROM duckdb_indexes()").fetchall() == [(1,)]
    assert opened._ledger.entries == []


def test_a_connection_that_the_client_does_not_know_stops_it_before_it_begins(
    product: Product, opened: Operating
) -> None:
    stranger = watching._connect(product.file)
    product.send(product.order(INDEX))
    (outcome,) = product.outcomes(1, opened)
    assert (outcome.state, outcome.reason.partition(",")[0]) == (
        "undone", "1 connections to the database are not known to the client")  # fmt: skip
    stranger.close()
    product.send(product.order(INDEX))
    assert product.outcomes(2, opened)[-1].state == "done"


def test_a_transaction_that_does_not_end_is_given_way_to(
    product: Product, opened: Operating, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schemas.client.operating.DRAIN_S", 0.1)
    product.connection.execute("BEGIN")
    product.connection.execute("DELETE FROM visits WHERE id = 1")
    product.send(product.order(INDEX))
    (outcome,) = product.outcomes(1, opened)
    assert (outcome.state, outcome.reason) == (
        "undone", "1 transactions of the product had written and did not end within 0.1 s")  # fmt: skip
    product.connection.execute("COMMIT")
    assert product.connection.execute("SELECT count(*) FROM visits").fetchall() == [(19999,)]


class Tomorrow(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "Tomorrow":
        return super().now(tz) + timedelta(days=1)


@pytest.mark.parametrize("moves", [0, 2, 3])
def test_a_process_that_died_at_a_move_tells_what_it_finds_when_it_comes_back_a_day_later(
    product: Product, moves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = product.order(NUMBER)
    with closing(product.operating()) as first:
        ready(first)
        first._executor = replace(first._executor, at_move=killed_at(moves))
        product.send(order)
        assert died(first)
    product.connection.close()
    product.connection = duckdb.connect(product.file)
    monkeypatch.setattr("schemas.client.operating.datetime", Tomorrow)
    with closing(product.operating()) as second:
        (outcome,) = product.outcomes(1, second)
    assert (outcome.operation_id, outcome.state) == (order.operation_id, "done" if moves == 3 else "undone")
    assert outcome.time > order.deadline
    kind = product.connection.execute("SELECT typeof(number) FROM visits LIMIT 1").fetchall()
    assert kind == [("INTEGER" if moves == 3 else "VARCHAR",)]
    assert product.connection.execute("SELECT count(*) FROM duckdb_indexes()").fetchall() == [(1,)]


def died(operating: Operating) -> bool:
    try:
        for _ in range(WAIT_S * 10):
            operating.work(0.1)
    except Killed:
        return True
    return False


def test_after_a_restart_an_order_that_was_answered_is_not_carried_out_again(product: Product) -> None:
    with closing(product.operating()) as first:
        ready(first)
        order = product.order(INDEX)
        product.send(order)
        (outcome,) = product.outcomes(1, first)
    product.connection.execute("DROP INDEX visits_page")
    with closing(product.operating()) as second:
        ready(second)
        product.send(order)
        assert product.outcomes(2, second) == [outcome, outcome]
    assert product.connection.execute("SELECT count(*) FROM duckdb_indexes()").fetchall() == [(1,)]
