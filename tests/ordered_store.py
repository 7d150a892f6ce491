"""A knowledge file whose control process judges approvals and tells products what to do."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from duckdb import DuckDBPyConnection

from schemas.orders import Order, verify
from schemas.records import Decision, Operation, Outcome, Suggestion
from schemas.tokens import keys_of
from schemas.topics import APPROVALS, CATALOGS, OPERATIONS, OUTCOMES, REQUESTS
from store import decisions
from streams.access.gate import unseen_days
from streams.access.gatekeeper import Gatekeeper
from streams.access.judging import Judging
from streams.access.ordering import NO_KEY, Ordering, OrderKey, order_key
from streams.access.signing import SigningKey, create
from streams.deciding import Deciding
from streams.scheduling import AnalysisRules, Scheduler
from streams.verifying import Verifying
from tests.access import INDEX, ORDERS, OTHER, Team, later, planned
from tests.deciding_store import Store
from tests.store_records import CODEC, catalog, request

NOON = later(hours=1)
ONE = planned(INDEX)


class Ordered(Store):
    def __init__(self, folder: Path, **changes: Any) -> None:
        super().__init__()
        self.team = Team(folder, **changes)
        self.gatekeeper = Gatekeeper(self.team.file)
        self.signing: SigningKey = create(folder / "order.json", "sidecar", "control")
        self.key: OrderKey | None = order_key(folder / "order.json")
        self.add(CATALOGS, catalog(tables=[ORDERS, OTHER]))

    def approve(self, who: str, on: Suggestion = ONE, at: datetime = NOON, **more: Any) -> None:
        self.add(APPROVALS, self.team.approval(who, on, at, **more), time=at)
        self.decide(lambda tx, deciding: self._judging(tx, deciding, at).rule(), at)

    def _judging(self, tx: DuckDBPyConnection, deciding: Deciding, at: datetime) -> Judging:
        return Judging(tx, CODEC, self.gatekeeper.rules, deciding, at, "" if self.key else NO_KEY)

    def turn(self, now: datetime = NOON) -> list[Decision]:
        def take(tx: DuckDBPyConnection, deciding: Deciding) -> None:
            ordering = Ordering(tx, CODEC, self.gatekeeper.rules, self.key, deciding, now)
            Scheduler(tx, CODEC, AnalysisRules(), deciding, now, ordering, self.gatekeeper.rules.policy).answer()
            ordering.tell()

        return self.decide(take, now)

    def judge(self, now: datetime, *, absence: bool = True) -> list[Decision]:
        def take(tx: DuckDBPyConnection, deciding: Deciding) -> None:
            ordering = Ordering(tx, CODEC, self.gatekeeper.rules, self.key, deciding, now)
            unseen = timedelta(days=unseen_days(self.gatekeeper.rules.policy))
            Verifying(tx, CODEC, deciding, now, ordering, unseen).judge(absence=absence)

        return self.decide(take, now)

    def order(self, taken: list[Decision]) -> Order:
        """The one that was decided, as the product reads it."""
        (decision,) = taken
        (message,) = decision.messages
        assert (decision.kind, message.topic, message.key) == ("operate", OPERATIONS.name, b"sales/main")
        operation = CODEC.decode_as(Operation, message.value)
        return verify(operation, keys_of({"keys": [self.signing.public]}, bound=False))

    def answer(self, order: Order, state: str = "done", at: datetime = NOON) -> None:
        values = order.model_dump(include={"product", "database", "instance", "operation_id", "kind", "suggestion_id",
                                           "revision", "plan_hash", "first", "last"})  # fmt: skip
        outcome = Outcome(
            **values, event_id=f"{order.operation_id}/o", time=NOON, state=state, reason="so it is", began=NOON,
            seconds=1.5, waiting=2, waited_ms=3.5,
        )  # fmt: skip
        self.add(OUTCOMES, outcome, time=at)

    def roll_back(self, operation_id: str, now: datetime = NOON) -> list[Decision]:
        body = json.dumps({"operation_id": operation_id}).encode()
        self.add(REQUESTS, request(kind="rollback", body=body, event_id=str(uuid4())))
        return self.turn(now)

    def executed(self) -> list[bool | None]:
        with self.file.reading() as tx:
            return [one["executed"] for one in decisions.listed(tx) if one["suggestion"]]
