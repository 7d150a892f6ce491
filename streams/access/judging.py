"""Brings approvals before the gate with what the tables know, and decides as it says."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import duckdb
import structlog
from duckdb import DuckDBPyConnection

from schemas.approvals import Claims, Verified, verify
from schemas.canonical import canonical
from schemas.codec import Codec
from schemas.errors import TokenError, UnknownKey
from schemas.ids import is_id
from schemas.records import Outgoing, Ruling
from schemas.render import by_name
from schemas.tokens import LEEWAY
from schemas.topics import RULINGS
from store import analyses, approvals, catalogs, operations, suggestions
from store.approvals import Ruled, Waiting
from streams.deciding import Deciding, outgoing

from .gate import Case, Judgement, judge
from .gatekeeper import Rules

logger = structlog.get_logger(__name__)

AT_ONCE = 500
"""Approvals in one entry."""
MOST_HELD = 20
"""Approvals of one identity that wait for their suggestions."""
CAME_TWICE = Judgement("refused", "it came twice: the first is answered")
NO_POLICY = "no policy is set, so nobody may approve anything: name one by SIDECAR_POLICY"


class Judging:
    """`rules` is None where no policy is set. `now`, the control process's time, ends a waiting for a suggestion."""

    def __init__(
        self,
        tx: DuckDBPyConnection,
        codec: Codec,
        rules: Rules | None,
        deciding: Deciding,
        now: datetime,
        only_as_code: str = "",
    ) -> None:
        """`only_as_code` says why nothing is carried out in place, of whatever product."""
        self._only_as_code = only_as_code
        self._tx = tx
        self._codec = codec
        self._rules = rules
        self._deciding = deciding
        self._now = now
        self._taken: dict[tuple[str, str], str] = {}
        self._held: dict[str, int] = {}
        self._cases: dict[tuple[str, int, str], Case] = {}

    def rule(self) -> None:
        """On every approval that is due, in the order in which they came, as if each were alone in its entry.

        One for which keys are just being fetched is left for the next time.
        """
        for one in approvals.due(self._tx, self._now, AT_ONCE):
            if self._deciding.full:
                return
            try:
                verified, judgement = self._judged(one)
            except UnknownKey:
                continue
            except duckdb.OperationalError:  # the file cannot be read, which is not the approval's fault
                raise
            except Exception:
                # whatever it is that the gate stumbles on: it must neither pass nor stop the others
                logger.exception("an approval could not be judged", place=one.place)
                verified, judgement = None, Judgement("refused", "it could not be judged: see the sidecar's log")
            self._decide(one, verified, judgement)

    def _judged(self, one: Waiting) -> tuple[Verified | None, Judgement]:
        """Raises UnknownKey for one whose key may soon be known."""
        if self._rules is None:
            return None, Judgement("refused", NO_POLICY)
        try:
            verified = verify(self._rules.keys, one.approval, one.time)
        except TokenError as error:
            if isinstance(error, UnknownKey) and self._rules.awaits_keys(error.issuer):
                raise
            return None, Judgement("refused", str(error))
        if not is_id(verified.claims.suggestion_id):
            return verified, Judgement("refused", f"{verified.claims.suggestion_id!r} is no suggestion's id")
        judgement = self._replayed(one, verified) or judge(
            self._rules.policy, verified, one.time, self._case(verified.claims)
        )
        return verified, self._waiting(verified) if judgement.verdict == "waits" else judgement

    def _waiting(self, verified: Verified) -> Judgement:
        named = f"there is no suggestion {verified.claims.suggestion_id}"
        if _until(verified) < self._now:
            return Judgement("refused", f"{named}, and it has waited long enough for one")
        identity = str(verified.identity)
        self._held[identity] = self._held.get(identity) or approvals.held(self._tx, identity)
        if self._held[identity] >= MOST_HELD:
            return Judgement("refused", f"{named} yet, and {MOST_HELD} approvals of {identity} wait for theirs already")
        self._held[identity] += 1
        return Judgement("waits", f"{named} yet: it is looked at when it comes")

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
            suggestion = suggestions.newest(self._tx, claims.suggestion_id)
            catalog = suggestion and catalogs.newest(self._tx, suggestion.product, suggestion.database)
            tables = by_name(catalog.tables) if catalog else {}
            done = operations.done(self._tx, claims.suggestion_id, claims.revision)
            asker = analyses.proposed_by(self._tx, suggestion.analysis_id) if suggestion else ""
            self._cases[plan] = Case(
                suggestion,
                tables,
                approvals.earlier(self._tx, *plan),
                done,
                proposer=self._rules.policy.approver_of(asker) if self._rules else None,
                as_code=(catalog.as_code or self._only_as_code) if catalog else "",
            )
        return self._cases[plan]

    def _decide(self, one: Waiting, verified: Verified | None, judgement: Judgement) -> None:
        signed: dict[str, Any] = {}
        product, database = one.approval.product, one.approval.database
        if verified:
            claims = verified.claims
            product, database = claims.product, claims.database
            signed = claims.model_dump(exclude={"product", "database", "reason"})
            signed |= {"identity": str(verified.identity), "token_id": verified.token_id, "text": claims.reason}
            if judgement.verdict == "waits":
                signed["expires"] = _until(verified)
            else:
                self._taken.setdefault((signed["identity"], verified.token_id), one.approval.event_id)
            if judgement.vote and judgement.verdict != "noted":
                case = self._case(claims)
                self._cases[_plan(claims)] = replace(case, votes=[*case.votes, judgement.vote])
        body = Ruled(
            approval=one.place,
            approval_id=one.approval.event_id,
            policy=self._rules.digest if self._rules else "",
            verdict=judgement.verdict,
            reason=judgement.reason,
            approver=judgement.vote.approver if judgement.vote else "",
            agreed=judgement.steps,
            opens=judgement.opens,
            **signed,
        )
        message = answer(self._codec, self._deciding, self._now, product, database, body)
        # of an event that came twice its sender has the answer
        messages = [] if judgement is CAME_TWICE else [message]
        self._deciding.decide("rule", product, database, canonical(body), *messages)


def answer(codec: Codec, deciding: Deciding, now: datetime, product: str, database: str, body: Ruled) -> Outgoing:
    """What the next decision, a ruling, is told by."""
    ruling = Ruling(
        product=product,
        database=database,
        instance="",
        event_id=deciding.derived("message"),
        time=now,
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
    return outgoing(RULINGS, ruling, codec.encode(ruling))


def _until(verified: Verified) -> datetime:
    return verified.expires + LEEWAY


def _plan(claims: Claims) -> tuple[str, int, str]:
    return claims.suggestion_id, claims.revision, claims.plan_hash
