"""A process that is killed at every point of an operation leaves the database as before or as promised."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

import schemas
from schemas.actions import ChangeType, Cluster, SortKey
from schemas.canonical import canonical
from schemas.records import Outcome
from schemas.topics import OPERATIONS, OUTCOMES
from streams.access.ordering import order_key
from streams.access.signing import create
from tests import created_topics
from tests.conftest import Kafka
from tests.operated_product import WAIT_S, Product
from tests.operating import LOOKS, Shop

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("killed_operation.py")
ANSWER = Path(__file__).with_name("killed_answer.py")
NUMBER = ChangeType(table="visits", column="number", from_type="VARCHAR", to_type="INTEGER")
BY_DAY = Cluster(table="visits", keys=[SortKey(column="day")])


def made(folder: Path) -> Shop:
    folder.mkdir()
    shop = Shop(folder)
    shop.connection.execute("""
        CREATE TABLE visits(id INTEGER PRIMARY KEY, day DATE NOT NULL, number VARCHAR);
        CREATE INDEX visits_day ON visits(day);
        COMMENT ON INDEX visits_day IS 'by day';
        INSERT INTO visits SELECT range, DATE '2020-01-01' + (range * 7 % 60)::INTEGER, (range * 3)::VARCHAR
        FROM range(5000);
    """)
    return shop


def test_killed_at_every_point_it_is_as_before_or_as_promised(tmp_path: Path) -> None:
    shop = made(tmp_path / "made")
    before, order = shop.look(), shop.order(NUMBER, BY_DAY, file_id="")
    shop.connection.close()
    (tmp_path / "promised").mkdir()
    shutil.copy(shop.file, tmp_path / "promised")
    promised_shop = Shop(tmp_path / "promised")
    file_id = promised_shop.order(BY_DAY).file_id
    assert promised_shop.executor().carry_out(order.model_copy(update={"file_id": file_id})).state == "done"
    promised = promised_shop.look()
    promised_shop.connection.close()

    states = []
    for point in range(100):
        folder = tmp_path / str(point)
        folder.mkdir()
        shutil.copy(shop.file, folder)
        own = Shop(folder)
        ours = order.model_copy(update={"file_id": own.order(BY_DAY).file_id})
        own.connection.close()
        (folder / "order.json").write_bytes(canonical(ours))
        killed = subprocess.run(
            [sys.executable, SCRIPT, folder, folder / "order.json", str(point)],
            cwd=ROOT, env={"PYTHONPATH": str(ROOT), "PATH": ""}, check=False, capture_output=True, text=True,
        )  # fmt: skip
        if killed.returncode == 0:
            break
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        again = Shop(folder)
        (entry,) = again.ledger().entries
        result = again.executor().recover(entry)
        assert again.look() == {"done": promised, "undone": before}[result.state], (point, result)
        states.append(result.state)
        again.connection.close()
        with duckdb.connect(again.file) as reopened:  # what is seen is on the disk
            assert reopened.execute("SELECT count(*) FROM visits").fetchall() == [(5000,)]
    # four moves, of each the moment before its commit and the one after; and the rebuild's fence, which looks alike
    assert states == ["undone"] * 8 + ["done"]


MOVED = "3 moves"
CUT = "it was cut off after its last move: all is as promised"
ANSWERED = [
    # it was never begun, and is carried out when it comes again
    ("before", "take", ("done", MOVED), 1),
    # it may have been begun, and is refused
    ("after", "take", ("refused", "it is order 1, and order 1 was taken before: out of order"), 1),
    # told when the database was looked at, and when the order comes again; so are those below
    ("before", "end", ("done", CUT), 2),
    ("after", "end", ("done", MOVED), 2),
    # Kafka has had it once before
    ("before", "told", ("done", MOVED), 3),
]


@pytest.fixture
def products(
    kafka: Kafka, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[Product]]:
    """Each with a topic that holds an order for it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    key = create(tmp_path / "order.json", "sidecar", "control")
    folders = [tmp_path / f"{moment}-{step}" for moment, step, *_ in ANSWERED]
    databases = {folder.name: folder / "shop.duckdb" for folder in folders}
    schemas.instrument("sales", database=databases, sink=tmp_path / "log.jsonl")
    prefixes = [f"{topic_prefix}{number}." for number in range(len(folders))]
    topics = (OPERATIONS, OUTCOMES)
    new = [NewTopic(prefix + topic.name, topic.partitions, 1) for prefix in prefixes for topic in topics]
    created_topics.create_topics(AdminClient({"bootstrap.servers": kafka.bootstrap_servers}), *new)
    found = []
    for prefix, folder in zip(prefixes, folders, strict=True):
        made(folder).connection.close()
        (folder / "public.json").write_text(json.dumps(key.public))
        with duckdb.connect(folder / "shop.duckdb") as connection:
            one = Product(
                kafka.bootstrap_servers, prefix, folder, order_key(tmp_path / "order.json"), key.public, connection
            )
            one.send(one.order(NUMBER))
        found.append(one)
    yield found
    schemas.uninstrument()


def test_killed_before_it_has_answered_it_answers_when_it_comes_back(products: list[Product], tmp_path: Path) -> None:
    shop = made(tmp_path / "promised")
    looks = {"refused": shop.look()}
    assert shop.executor().carry_out(shop.order(NUMBER)).state == "done"
    looks["done"] = shop.look()
    shop.connection.close()
    children = [
        subprocess.Popen(
            [sys.executable, ANSWER, one.folder, one.bootstrap_servers, one.prefix, moment, step],
            cwd=ROOT, env={"PYTHONPATH": str(ROOT), "PATH": "", "XDG_STATE_HOME": str(one.folder / "state")},
            stderr=subprocess.PIPE, text=True,
        )
        for one, (moment, step, *_) in zip(products, ANSWERED, strict=True)
    ]  # fmt: skip
    for child in children:
        _, errors = child.communicate(timeout=WAIT_S)
        assert child.returncode == -signal.SIGKILL, errors
    with ThreadPoolExecutor(len(products)) as pool:
        found = list(pool.map(came_back, products, [told for *_, told in ANSWERED]))
    answered = []
    for (moment, step, *_), (outcomes, look) in zip(ANSWERED, found, strict=True):
        assert outcomes == [outcomes[0]] * len(outcomes), "the same event"
        answered.append((moment, step, (outcomes[0].state, outcomes[0].reason), len(outcomes)))
        assert look == looks[outcomes[0].state], (moment, step)
    assert answered == ANSWERED


def came_back(one: Product, told: int) -> tuple[list[Outcome], dict[str, Any]]:
    """What it tells once it has, and all that can be seen of its database then."""
    with duckdb.connect(one.file) as connection, closing(one.operating()) as again:
        outcomes = one.outcomes(told, again)
        return outcomes, {name: connection.execute(sql).fetchall() for name, sql in LOOKS.items()}
