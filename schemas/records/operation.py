"""What the control process has carried out in a product's own process, what became of it, and what it brought."""

from datetime import datetime

from .base import Record


class Operation(Record):
    """`order` is canonical JSON of `schemas.orders.Order`, carried as bytes; `signature` a detached JWS over them.

    It is for `instance` alone.
    """

    order: bytes
    signature: str


class Outcome(Record):
    """What became of an operation. `kind` is "apply" or "revert".

    `state` is "done", "undone" (it gave way, and all is as before), "refused" (nothing was begun), or "stuck" (neither
    as before nor as promised: a person has to look); `reason` is for people. `waited_ms` is the longest that a writer
    was held back, `waiting` how many were. `way_back` is "operation" where the product takes it back when told, "code"
    where people do, and empty where nothing does.
    """

    operation_id: str
    kind: str
    suggestion_id: str
    revision: int
    plan_hash: str
    first: int
    last: int
    state: str
    reason: str
    began: datetime
    seconds: float
    waiting: int
    waited_ms: float
    way_back: str = "operation"


class Verdict(Record):
    """What a change brought, against what was promised (see `inference.outcome`).

    `verdict` is "confirmed", "worse" or "inconclusive"; `reason` is for people, and says what is missing. `speedup` is
    before / after of the affected queries against the others, the median of `slots` with its interval; the promise is
    the suggestion's gain, -1 where it had none. `taking_back` says that the product was told to take it back.
    """

    operation_id: str
    suggestion_id: str
    revision: int
    verdict: str
    reason: str
    speedup: float
    low: float
    high: float
    slots: int
    promised: float
    promised_low: float
    promised_high: float
    as_promised: bool | None
    taking_back: bool
