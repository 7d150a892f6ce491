"""Tells products to carry out what was approved, once its time has come, and to take back what somebody asks for.

Whatever has changed since the approval is asked again: the window, freezes, drift, the policy's limits. An order is
for one process of the product, the one that last told of the database's catalog. What people land as code is not told
but waited for, until the catalog and the log show it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import jwt
import structlog
from duckdb import DuckDBPyConnection

from schemas.canonical import canonical
from schemas.codec import Codec
from schemas.orders import Order, sign
from schemas.records import CatalogSnapshot, Operation, Outcome, Outgoing, Ruling, Step, Suggestion
from schemas.render import by_name
from schemas.topics import OPERATIONS, OUTCOMES, RULINGS
from store import analyses, approvals, catalogs, operations, shapes, suggestions, watches
from store.operations import Operate, Ready
from store.requests import Waiting
from store.shapes import Shape
from streams.deciding import ENVELOPE, Deciding, outgoing
from streams.landing.dropping import drops_hidden, missed_by
from streams.landing.seen import landed, obstacle
from streams.landing.way import next_part, only_prepares

from .automatic import earned
from .gate import Case, against, agreed_steps, closes, when
from .gatekeeper import Rules
from .policy import AUTOMATIC, Policy
from .signing import load
from .watching import to_watch

OPEN_FOR = timedelta(minutes=10)
"""In which an order has to be begun, if the maintenance window is open for so long."""
SHORTEST = timedelta(minutes=1)
"""That is left of a window: in less nobody is told to begin."""
NO_KEY = "the control process has no key for orders: set SIDECAR_OPERATION_KEY"
OURSELVES = "sidecar"
"""Who takes back what nobody has asked for."""
LANDS_WITHIN = timedelta(days=90)
"""What people land as code, after it was approved."""
AFTER_S = 3600.0
"""For taking back what no policy limits any more."""


logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OrderKey:
    """The control process's own key, with which it signs what products are told, and the journal."""

    private: Any
    kid: str


def order_key(file: Path) -> OrderKey:
    """Raises SettingsError as `signing.load` does."""
    values = load(file).values
    return OrderKey(jwt.PyJWK.from_dict(values).key, values["kid"])


class Ordering:
    """`rules` is None where no policy is set, `key` where nothing is to be carried out in place."""

    def __init__(
        self,
        tx: DuckDBPyConnection,
        codec: Codec,
        rules: Rules | None,
        key: OrderKey | None,
        deciding: Deciding,
        now: datetime,
    ) -> None:
        self._tx = tx
        self._codec = codec
        self._rules = rules
        self._key = key
        self._deciding = deciding
        self._now = now
        self._busy: set[tuple[str, str]] = set()

    def tell(self) -> None:
        """What is approved and whose time has come; one operation of a database at a time."""
        if self._rules is None:
            return
        for one in operations.ready(self._tx, self._now):
            if self._deciding.full:
                return
            if self._is_busy(one.product, one.database):
                continue
            try:
                self._go_on(self._rules.policy, one)
            except duckdb.OperationalError:  # the file cannot be read, which is not the plan's fault
                raise
            except Exception:
                # whatever it is that one plan stumbles on: it must not stop the others
                logger.exception("a plan could not be told to its product", suggestion_id=one.suggestion_id)

    def take_back(self, product: str, operation_id: str, by: str, request: Waiting | None = None) -> str | None:
        """What an operation has done. Says why not, where it cannot be."""
        told = operations.find(self._tx, operation_id)
        if told is None or told.product != product:
            return f"there is no operation {operation_id} of {product!r}: `sidecar operations` lists them"
        if told.kind != "apply" or told.state != "done":
            return f"operation {operation_id} is {told.state}, so there is nothing to take back"
        if told.as_code:
            return f"it was landed as code: take it back so, by `sidecar code {told.suggestion_id[:13]} --back`"
        if operations.done(self._tx, told.suggestion_id, told.revision) != told.last:
            return f"operation {operation_id} was taken back, or more was done after it: take back that first"
        if self._key is None:
            return NO_KEY
        if self._is_busy(told.product, told.database):
            return "another operation of this database is under way: ask again when it has ended"
        suggestion = suggestions.revision(self._tx, told.suggestion_id, told.revision)
        catalog = catalogs.newest(self._tx, told.product, told.database)
        if suggestion is None or catalog is None:
            return "its suggestion or the database's catalog is not known any more"
        if lasting := next((step for step in suggestion.steps[told.first : told.last] if not step.reversible), None):
            return f"its step {lasting.action.kind} has no way back, as it said before it was approved"
        body = self._body("revert", suggestion, catalog, told.first, told.last, by)
        if request is not None:
            body = body.model_copy(update={"request": request.place, "closes": True})
        return self._send(self._key, body, suggestion, catalog, AFTER_S)

    def _go_on(self, policy: Policy, ready: Ready) -> None:
        approved = suggestions.revision(self._tx, ready.suggestion_id, ready.revision)
        catalog = catalogs.newest(self._tx, ready.product, ready.database)
        if approved is None or catalog is None:
            return
        as_code = catalog.as_code or ("" if self._key else NO_KEY)
        count, why_code = next_part(approved.steps[ready.done : ready.agreed], as_code)
        ready = replace(ready, agreed=ready.done + count)
        if drops_hidden(approved.steps, ready.done) and not self._is_unmissed(approved, ready):
            return
        if self._key is None or why_code:
            self._look_for(approved, catalog, ready)
        else:
            self._tell(policy, self._key, catalog, ready)

    def _is_unmissed(self, suggestion: Suggestion, ready: Ready) -> bool:
        """Whether nobody has asked for what was put out of sight, until now; else it comes back."""
        hidden = operations.last_done(self._tx, ready.suggestion_id, ready.revision)
        if hidden is None or watches.said(self._tx, ready.suggestion_id, ready.revision) != "confirmed":
            return False
        step = suggestion.steps[ready.done - 1]
        if (asked := missed_by(self._tx, ready.product, ready.database, step, hidden.ended)) is None:
            return True
        logger.warning("what was to be dropped is asked for, and comes back", statement=asked)
        self.take_back(ready.product, hidden.operation_id, OURSELVES)
        return False

    def _look_for(self, suggestion: Suggestion, catalog: CatalogSnapshot, ready: Ready) -> None:
        """Whether people have landed it as code. A newer revision says nothing about a change that is under way."""
        steps, tables = suggestion.steps[ready.done : ready.agreed], by_name(catalog.tables)

        def replaced(new: str, old: str) -> bool:
            of = partial(Shape, ready.product, ready.database)
            return shapes.replaced_since(self._tx, of(new), of(old), ready.approved)

        body = self._body("apply", suggestion, catalog, ready.done, ready.agreed, ready.approver)
        body = body.model_copy(update={"as_code": True})
        there = landed(steps, tables, replaced)
        if there == len(steps):
            body = body.model_copy(update=to_watch(self._tx, suggestion, steps, self._now))
            outcome = self._landed(body, suggestion, catalog)
            self._deciding.decide("operate", ready.product, ready.database, canonical(body), outcome)
        elif problem := obstacle(steps[there:], tables):
            reason = f"{problem}: the next analysis plans anew"
            self._void(suggestion, body.model_copy(update={"refused": reason}), reason)
        elif self._now - ready.approved > LANDS_WITHIN:
            reason = f"it was not landed within {LANDS_WITHIN.days} days, and is waited for no longer"
            self._void(suggestion, body.model_copy(update={"refused": reason}), reason)

    def _landed(self, body: Operate, suggestion: Suggestion, catalog: CatalogSnapshot) -> Outgoing:
        """What the product's process would say, had it done it."""
        outcome = Outcome(
            **body.model_dump(
                include={"operation_id", "suggestion_id", "revision", "plan_hash", "first", "last", "instance"}
            ),
            product=suggestion.product,
            database=suggestion.database,
            event_id=self._deciding.derived("message"),
            time=self._now,
            kind=body.order,
            state="done",
            reason="landed as code: its catalog and its log show it",
            began=catalog.time,
            seconds=0.0,
            waiting=0,
            waited_ms=0.0,
            way_back="code" if all(step.reversible for step in suggestion.steps[body.first : body.last]) else "",
        )
        return outgoing(OUTCOMES, outcome, self._codec.encode(outcome))

    def _tell(self, policy: Policy, key: OrderKey, catalog: CatalogSnapshot, ready: Ready) -> None:
        suggestion = suggestions.newest(self._tx, ready.suggestion_id)
        if suggestion is None:
            return
        steps = suggestion.steps[: ready.agreed]
        body = self._body("apply", suggestion, catalog, ready.done, ready.agreed, ready.approver)
        body = body.model_copy(update={"revision": ready.revision, "plan_hash": ready.plan_hash})
        case = Case(suggestion, by_name(catalog.tables), done=ready.done)
        if (suggestion.revision, suggestion.plan_hash) != (ready.revision, ready.plan_hash):
            problem: str | None = f"revision {suggestion.revision} came meanwhile, and is what can be approved now"
        else:
            problem = against(policy, suggestion, steps, case, self._now) or self._no_longer(policy, suggestion, ready)
        if problem is None:
            opens = when(policy, suggestion, ready.agreed, self._now).opens
            if opens is None or opens > self._now:
                return
            ends = closes(policy, suggestion, ready.agreed, self._now)
            if ends is not None and ends - self._now < SHORTEST:
                return
            body = body.model_copy(update={"deadline": min(filter(None, [body.deadline, ends]))})
            if not only_prepares(suggestion.steps, ready.done, ready.agreed):
                watched = to_watch(self._tx, suggestion, steps[ready.done :], self._now)
                body = body.model_copy(update=watched)
            problem = self._send(key, body, suggestion, catalog, _most_s(policy, steps[ready.done :]))
        if problem is not None:
            self._void(suggestion, body.model_copy(update={"refused": problem}), problem)

    def _no_longer(self, policy: Policy, suggestion: Suggestion, ready: Ready) -> str | None:
        """By the policy as it is now, from which an approver may have been taken, or which may want more of them.

        Or by what has come meanwhile of changes of the same class.
        """
        if ready.approver == AUTOMATIC:
            missing = earned(self._tx, policy, suggestion).missing
            return f"it was approved by itself, but {missing}" if missing else None
        votes = approvals.earlier(self._tx, ready.suggestion_id, ready.revision, ready.plan_hash)
        proposer = policy.approver_of(analyses.proposed_by(self._tx, suggestion.analysis_id))
        agreed, missing = agreed_steps(policy, suggestion.steps, votes, proposer)
        return None if agreed >= ready.agreed else f"the policy was changed since it was approved: {missing}"

    def _body(
        self, order: Any, suggestion: Suggestion, catalog: CatalogSnapshot, first: int, last: int, by: str
    ) -> Operate:
        return Operate(
            operation_id=self._deciding.derived("operation"),
            order=order,
            instance=catalog.instance,
            number=operations.last_number(self._tx, suggestion.product, suggestion.database) + 1,
            suggestion_id=suggestion.suggestion_id,
            revision=suggestion.revision,
            plan_hash=suggestion.plan_hash,
            first=first,
            last=last,
            deadline=self._now + OPEN_FOR,
            requested_by=by,
        )

    def _send(
        self, key: OrderKey, body: Operate, suggestion: Suggestion, catalog: CatalogSnapshot, most_s: float
    ) -> str | None:
        """Says why not, where the product could not be told."""
        order = Order(
            operation_id=body.operation_id,
            kind=body.order,
            product=suggestion.product,
            database=suggestion.database,
            instance=catalog.instance,
            file_id=catalog.file_id,
            epoch=self._deciding.head.epoch,
            number=body.number,
            suggestion_id=body.suggestion_id,
            revision=body.revision,
            plan_hash=body.plan_hash,
            steps=suggestion.steps,
            first=body.first,
            last=body.last,
            issued=self._now,
            deadline=body.deadline,
            most_s=most_s,
            approvals=approvals.given(self._tx, body.suggestion_id, body.revision, body.plan_hash),
        )
        carried, signature = sign(order, key.private, key.kid)
        operation = Operation(
            product=order.product,
            database=order.database,
            instance=order.instance,
            event_id=self._deciding.derived("message"),
            time=self._now,
            order=carried,
            signature=signature,
        )
        value = self._codec.encode(operation)
        if len(value) + ENVELOPE > OPERATIONS.largest_record:
            return f"its plan and approvals take {len(value)} bytes, too many for a record"
        message = outgoing(OPERATIONS, operation, value)
        self._deciding.decide("operate", order.product, order.database, canonical(body), message)
        self._busy.add((order.product, order.database))
        return None

    def answer(self, product: str, database: str, verdict: str, reason: str, **of: Any) -> Outgoing:
        """A ruling on what is no approval; `of` are the fields that say on what it is."""
        unsaid = {"approval_id": "", "suggestion_id": "", "revision": 0, "plan_hash": "", "approver": ""}
        ruling = Ruling(
            **{**unsaid, **of},
            product=product,
            database=database,
            instance="",
            event_id=self._deciding.derived("message"),
            time=self._now,
            verdict=verdict,
            reason=reason,
            steps=0,
            opens=None,
        )
        return outgoing(RULINGS, ruling, self._codec.encode(ruling))

    def _void(self, suggestion: Suggestion, body: Operate, reason: str) -> None:
        message = self.answer(
            suggestion.product,
            suggestion.database,
            "void",
            reason,
            suggestion_id=suggestion.suggestion_id,
            revision=suggestion.revision,
            plan_hash=body.plan_hash,
            approver=body.requested_by,
        )
        self._deciding.decide("operate", suggestion.product, suggestion.database, canonical(body), message)

    def _is_busy(self, product: str, database: str) -> bool:
        return (product, database) in self._busy or operations.under_way(self._tx, product, database, self._now)


def _most_s(policy: Policy, steps: list[Step]) -> float:
    """Of the plan and the policy the smaller."""
    classes = [judged[1] for step in steps if (judged := policy.class_of(step.action.kind))]
    return min([sum(step.limits.build_s for step in steps), *(one.build_s for one in classes)])
