"""What the control process has carried out in a product's own process, and what became of it."""

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
    was held back, `waiting` how many were.
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
