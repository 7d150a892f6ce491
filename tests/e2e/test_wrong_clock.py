"""A control process whose clock is not Kafka's tells no product to change anything."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from schemas.topics import APPROVALS, CATALOGS, SUGGESTIONS
from store import approvals, operations, suggestions
from streams.access.signing import create
from streams.control import TICK_S
from tests.access import COST, INDEX, ORDERS, OTHER, Team, planned
from tests.conftest import Kafka
from tests.control_running import Topics, running
from tests.store_records import catalog


def test_nothing_is_carried_out_while_the_clock_is_off_by_an_hour(
    kafka: Kafka, topic_prefix: str, tmp_path: Path
) -> None:
    topics = Topics(kafka.bootstrap_servers, topic_prefix)
    topics.create()
    team = Team(tmp_path)
    create(tmp_path / "order.json", "sidecar", "control")
    settings = topics.settings(tmp_path / "store.duckdb", policy=team.file, operation_key=tmp_path / "order.json")
    now = datetime.now(UTC)
    one = planned(INDEX, cost=COST, time=now)
    topics.send(CATALOGS, catalog(tables=[ORDERS, OTHER], time=now))
    topics.send(SUGGESTIONS, one)
    with running(settings, clock=lambda: datetime.now(UTC) + timedelta(hours=1)) as control:
        control.until(lambda tx: suggestions.newest(tx, one.suggestion_id))
        topics.send(APPROVALS, team.approval("bob", one, now))
        told = control.until(approvals.listed)
        assert [(ruling["verdict"], ruling["reason"]) for ruling in told] == [
            ("complete", "1 of 1 steps may be done, now")
        ]
        time.sleep(2 * TICK_S + 0.5)  # it would be told with the first tick
        with control.control.reading() as tx:
            assert operations.listed(tx) == []
    with running(settings, clock=lambda: datetime.now(UTC)) as control:
        (sent,) = control.until(operations.listed)
    assert (sent.suggestion_id, sent.state, sent.kind) == (one.suggestion_id, "sent", "apply")
