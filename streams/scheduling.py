"""What the control process decides: which analyses to ask for, which to wait for no longer, which requests to
refuse, what the store keeps.

A decision is taken from the tables alone, inside the transaction that applied its inputs. The time is the control
process's clock; it goes into the journal with the decision, so that nothing after reads a clock again.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from duckdb import DuckDBPyConnection
from pydantic import ValidationError

from schemas.canonical import canonical
from schemas.codec import Codec
from schemas.records import AnalysisRequest, Outgoing
from schemas.records.analysis import LONGEST_TEXT
from schemas.topics import ANALYSIS_REQUESTS
from store import analyses, catalogs, databases, experience, requests, retention, workload
from store.analyses import Analyse, Expire
from store.decisions import Refusal
from store.requests import AnalyseBody, Waiting
from store.retention import Retention
from streams.access.ordering import Ordering
from streams.access.policy import Policy
from streams.deciding import ENVELOPE, Deciding, outgoing
from streams.usage import of_store

CLOCKS_DIFFER = timedelta(hours=1)
AT_ONCE = 500
"""Requests in one entry."""


@dataclass(frozen=True, slots=True)
class AnalysisRules:
    """An analysis is due after `min_runs` new runs, but not within `min_interval` of the one before.

    It is about the last `window`, and about the `shapes` that took most time (of those that write, as many again).
    Its suggestions are waited for until `deadline` after it; before that, the next is refused.
    """

    min_runs: int = 1000
    min_interval: timedelta = timedelta(hours=1)
    budget_s: float = 120
    window: timedelta = timedelta(days=7)
    shapes: int = 100
    deadline: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Keeping:
    """Hours are kept for `hours`, days for `days`, what is older as totals."""

    hours: timedelta = timedelta(days=7)
    days: timedelta = timedelta(days=90)

    def at(self, now: datetime) -> Retention:
        def day(before: timedelta) -> datetime:
            return (now - before).replace(hour=0, minute=0, second=0, microsecond=0)

        return Retention(
            hours_since=day(self.hours), days_since=day(self.days), hours_until=day(timedelta()) + timedelta(days=2)
        )


@dataclass(frozen=True, slots=True)
class Answered:
    """The request that a decision answers, and whether it is the last for it."""

    request: Waiting
    closes: bool


class Scheduler:
    """Takes decisions about analyses, about requests and about what is kept."""

    def __init__(
        self,
        tx: DuckDBPyConnection,
        codec: Codec,
        rules: AnalysisRules,
        deciding: Deciding,
        now: datetime,
        ordering: Ordering,
        policy: Policy | None = None,
    ) -> None:
        self._ordering = ordering
        self._tx = tx
        self._codec = codec
        self._rules = rules
        self._deciding = deciding
        self._now = now
        self._policy = policy
        self._asked: set[tuple[str, str]] = set()

    def answer(self) -> None:
        """Every request ends in a decision, to do it or to refuse it; one that names no database in one for each."""
        for request in requests.waiting(self._tx, AT_ONCE):
            meant = [one for one in self._objections(request) if one[0] not in request.answered]
            for place, (database, reason) in enumerate(meant, start=1):
                if self._deciding.full:
                    return
                answered = Answered(request, closes=place == len(meant))
                if reason is None and request.kind == "rollback":
                    reason = self._ordering.take_back(
                        request.product, json.loads(request.body)["operation_id"], request.requested_by, request
                    )
                elif reason is None:
                    reason = self._analyse(request.product, database, f"asked for by {request.requested_by}", answered)
                if reason is not None:
                    self.refuse(answered, database, reason)

    def schedule(self) -> None:
        """Analyses for which there is enough new evidence."""
        for product, database in analyses.due(self._tx, self._now, self._rules.min_runs, self._rules.min_interval):
            if self._deciding.full:
                return
            self._analyse(product, database, f"{self._rules.min_runs} new runs or more")

    def expire(self) -> None:
        """Says of every analysis that was not answered in time that it is waited for no longer."""
        for one in analyses.expired(self._tx, self._now):
            if self._deciding.full:
                return
            came = f"{one.answered} of {one.total} suggestions" if one.total else "no answer"
            reason = (
                f"{came} came within {(one.deadline - one.asked) / timedelta(minutes=1):.0f} min: see whether the "
                "product runs, what its client logs, and `sidecar dead-letters`. It is asked again once it has run "
                f"more queries, or now by `sidecar analyze --product {one.product}`"
            )
            self._deciding.decide(
                "expire", one.product, one.database, canonical(Expire(analysis_id=one.analysis_id, reason=reason))
            )

    def keep(self, keeping: Keeping) -> None:
        wanted = keeping.at(self._now)
        if retention.overdue(self._tx, wanted):
            self._deciding.decide("retain", "", "", canonical(wanted))

    def _objections(self, request: Waiting) -> Iterator[tuple[str, str | None]]:
        """Each database that is meant, and why it cannot be."""
        if request.kind == "backup":
            return  # `streams.backing_up` answers it, once there is one
        known = catalogs.databases_of(self._tx, request.product)
        if request.kind == "rollback":
            named = _operation_of(request.body)
            yield request.database, None if named else 'the body of \'rollback\' has to be {"operation_id": "..."}'
        elif request.kind != "analyse":
            kinds = "'analyse', 'backup' and 'rollback'"
            yield request.database, f"there is no request of kind {request.kind!r}, but {kinds}"
        elif _text_of(request.body) is None:
            yield (
                request.database,
                f'the body of \'analyse\' has to be {{}} or {{"text": "..."}}, {LONGEST_TEXT:,} characters at most',
            )
        elif not known:
            yield request.database, f"nothing was ever heard of a product {request.product!r}: is the client attached?"
        elif request.database and request.database not in known:
            yield request.database, f"the product has no database {request.database!r}, but {', '.join(known)}"
        else:
            yield from ((database, None) for database in ([request.database] if request.database else known))

    def _analyse(self, product: str, database: str, reason: str, answered: Answered | None = None) -> str | None:
        """Asks for an analysis, or says why not."""
        before = analyses.listed(self._tx, product, database)
        waiting = [one for one in before if not one.through and one.deadline > self._now]
        if (product, database) in self._asked:
            return "it was asked for at the same time"
        if waiting:
            return f"analysis {waiting[0].analysis_id} is under way, until {waiting[0].deadline:%Y-%m-%d %H:%M:%S} UTC"
        text = (answered and _text_of(answered.request.body)) or ""
        if (catalog := catalogs.newest(self._tx, product, database)) is None:
            return "its catalog is not known yet: the client reports it at its start"
        since, until = self._now - self._rules.window, self._now + CLOCKS_DIFFER
        found = workload.top(self._tx, product, database, catalog.catalog_hash, since, until, self._rules.shapes)
        if found is None:
            return "no query was seen under its current catalog"
        (seen,) = [one for one in databases.listed(self._tx, product) if one.database == database]
        use = of_store(self._tx, catalog, self._now)
        body = Analyse(
            analysis_id=self._deciding.derived("analysis"),
            revision=before[0].revision + 1 if before else 1,
            epoch=self._deciding.head.epoch,
            reason=reason,
            catalog_hash=catalog.catalog_hash,
            window_start=min(max(found.first_seen, since), self._now - timedelta(seconds=1)),
            window_end=self._now,
            deadline=self._now + self._rules.deadline,
            shapes=len(found.shapes),
            runs=seen.runs,
            dropped=databases.dropped(self._tx, product),
            request=answered.request.place if answered else None,
            closes=bool(answered and answered.closes),
            covered=catalog.coverage.full,
            text=text,
            requested_by=answered.request.requested_by if answered and text else "",
        )
        request = AnalysisRequest(
            product=product,
            database=database,
            instance="",
            event_id=self._deciding.derived("message"),
            time=self._now,
            analysis_id=body.analysis_id,
            revision=body.revision,
            epoch=self._deciding.head.epoch,
            reason=reason,
            catalog=catalog,
            window_start=body.window_start,
            window_end=body.window_end,
            budget_s=self._rules.budget_s,
            workload=found.shapes,
            usage=use.beside(found.shapes),
            experience=experience.of(self._tx, product),
            mutes=self._policy.muted(product, self._now) if self._policy else [],
            text=text,
        )
        value = self._codec.encode(request)
        while len(value) + ENVELOPE > ANALYSIS_REQUESTS.largest_record:
            if len(request.workload) == 1:
                return f"its catalog of {len(catalog.tables)} tables is too large for a record"
            fewer = request.workload[: len(request.workload) // 2]
            request = request.model_copy(update={"workload": fewer, "usage": use.beside(fewer)})
            value = self._codec.encode(request)
        body = body.model_copy(update={"shapes": len(request.workload)})
        self._asked.add((product, database))
        message = outgoing(ANALYSIS_REQUESTS, request, value)
        self._deciding.decide("analyse", product, database, canonical(body), message)
        return None

    def answer_to(self, request: Waiting, verdict: str, reason: str) -> Outgoing:
        """For whoever waits for what became of a request."""
        return self._ordering.answer(request.product, request.database, verdict, reason, approval_id=request.request_id)

    def refuse(self, answered: Answered, database: str, reason: str) -> None:
        request = answered.request
        refusal = Refusal(
            asked=request.kind,
            request=request.place,
            closes=answered.closes,
            request_id=request.request_id,
            requested_by=request.requested_by,
            reason=reason,
        )
        answer = []
        if request.kind in ("rollback", "backup"):  # whoever wants that is waiting for it
            answer = [self.answer_to(request, "refused", reason)]
        self._deciding.decide("refuse", request.product, database, canonical(refusal), *answer)


def _operation_of(body: bytes) -> bool:
    """Whether it names one."""
    try:
        found = json.loads(body)
        return set(found) == {"operation_id"} and str(UUID(found["operation_id"])) == found["operation_id"]
    except (ValueError, TypeError, AttributeError, RecursionError):
        return False


def _text_of(body: bytes) -> str | None:
    """What is asked for in words; None of a body that is none of "analyse"."""
    try:
        return AnalyseBody.model_validate_json(body or b"{}").text
    except ValidationError:
        return None
