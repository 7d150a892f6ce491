"""Brings approvals before the gate with what the tables know, and decides as it says."""

from dataclasses import asdict, replace
from datetime import datetime
from uuid import UUID

from duckdb import DuckDBPyConnection

from schemas.approvals import LEEWAY, Claims, Verified
from schemas.codec import Codec
from schemas.errors import ApprovalError
from schemas.records import Outgoing, Ruling
from schemas.topics import RULINGS, key_of
from store import approvals, catalogs, suggestions
from store.approvals import Ruled, Waiting
from store.documents import canonical
from streams.deciding import Deciding

from .gate import Case, Judgement, Vote, judge
from .gatekeeper import Rules

AT_ONCE = 500
"""Approvals in one entry."""
CAME_TWICE = Judgement("refused", "it came twice: the first is answered")
NO_POLICY = "no policy is set, so nobody may approve anything: name one by SIDECAR_POLICY"


class Judging:
    """`rules` is None where no policy is set. `now` is when an approval without its suggestion is given up."""

    def __init__(
        self, tx: DuckDBPyConnection, codec: Codec, rules: Rules | None, deciding: Deciding, now: datetime
    ) -> None:
        self._tx = tx
        self._codec = codec
        self._rules = rules
        self._deciding = deciding
        self._now = now
        self._taken: dict[tuple[str, str], str] = {}
        self._cases: dict[tuple[str, int, str], Case] = {}

    def rule(self) -> None:
        """On every approval that waits, in the order in which they came, as if each were alone in its entry."""
        for one in approvals.waiting(self._tx, AT_ONCE):
            if self._deciding.full:
                return
            self._rule(one)

    def _rule(self, one: Waiting) -> None:
        if self._rules is None:
            return self._decide(one, None, Judgement("refused", NO_POLICY))
        try:
            verified = self._rules.keys.verify(one.approval, one.time)
        except ApprovalError as error:
            return self._decide(one, None, Judgement("refused", str(error)))
        judgement = self._replayed(one, verified) or judge(
            self._rules.policy, verified, one.time, self._case(verified.claims)
        )
        if judgement.verdict == "waits":
            if verified.expires + LEEWAY >= self._now:
                return None
            judgement = Judgement(
                "refused", f"there is no suggestion {verified.claims.suggestion_id}, and it has expired waiting for one"
            )
        return self._decide(one, verified, judgement)

    def _replayed(self, one: Waiting, verified: Verified) -> Judgement | None:
        identity = str(verified.identity)
        seen = self._taken.get((identity, verified.token_id)) or approvals.seen_in(
            self._tx, identity, verified.token_id
        )
        if seen is None:
            return None
        if seen == one.approval.event_id:
            return CAME_TWICE
        return Judgement("refused", f"its token came before, in the event {seen}: sign one anew for each decision")

    def _case(self, claims: Claims) -> Case:
        """As it is after the approvals of this entry that were ruled on already."""
        plan = _plan(claims)
        if plan not in self._cases:
            suggestion = suggestions.newest(self._tx, claims.suggestion_id) if _is_uuid(claims.suggestion_id) else None
            catalog = suggestion and catalogs.newest(self._tx, suggestion.product, suggestion.database)
            tables = {(table.schema_name, table.name): table for table in catalog.tables} if catalog else {}
            before = [Vote(**asdict(vote)) for vote in approvals.earlier(self._tx, *plan)]
            self._cases[plan] = Case(suggestion, tables, before)
        return self._cases[plan]

    def _decide(self, one: Waiting, verified: Verified | None, judgement: Judgement) -> None:
        assert judgement.verdict != "waits"  # noqa: S101 - that decides nothing
        body = Ruled(
            approval=one.place,
            approval_id=one.approval.event_id,
            policy=self._rules.digest if self._rules else "",
            verdict=judgement.verdict,
            reason=judgement.reason,
            approver=judgement.vote.approver if judgement.vote else "",
            agreed=judgement.steps,
            opens=judgement.opens,
        )
        product, database = one.approval.product, one.approval.database
        if verified:
            claims = verified.claims
            product, database = claims.product, claims.database
            body = body.model_copy(
                update={
                    "identity": str(verified.identity),
                    "token_id": verified.token_id,
                    "suggestion_id": claims.suggestion_id,
                    "revision": claims.revision,
                    "plan_hash": claims.plan_hash,
                    "decision": claims.decision,
                    "steps": claims.steps,
                }
            )
            self._taken.setdefault((body.identity, body.token_id), one.approval.event_id)
            if judgement.vote:
                case = self._case(claims)
                self._cases[_plan(claims)] = replace(case, votes=[*case.votes, judgement.vote])
        ruling = Ruling(
            product=product,
            database=database,
            instance="",
            event_id=self._deciding.derived("message"),
            time=self._now,
            approval_id=body.approval_id,
            suggestion_id=body.suggestion_id,
            revision=body.revision,
            plan_hash=body.plan_hash,
            approver=body.approver,
            verdict=body.verdict,
            reason=body.reason,
            steps=body.agreed,
            opens=body.opens,
        )
        message = Outgoing(
            message_id=ruling.event_id,
            topic=RULINGS.name,
            key=key_of(product, database),
            value=self._codec.encode(ruling),
        )
        # of an event that came twice its sender has the answer
        answer = [] if judgement is CAME_TWICE else [message]
        self._deciding.decide("rule", product, database, canonical(body), *answer)


def _plan(claims: Claims) -> tuple[str, int, str]:
    return claims.suggestion_id, claims.revision, claims.plan_hash


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
