"""Orders: what the control process tells one instance of a product to do, signed with the control process's own key.

The product's side holds the keys that it takes orders of.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import ValidationError

from . import detached
from .canonical import canonical
from .errors import OperationError, SignatureError
from .records import Approval, Operation, Step
from .records.base import Part
from .tokens import Key

SIGNED_AS = "duckdb-sidecar/orders"

Kind = Literal["apply", "revert"]


class Given(Part):
    """An approval that the gate let count, and the broker's time of it."""

    approval: Approval
    time: datetime


class Order(Part):
    """The steps from `first` to below `last` of a plan are carried out, or taken back.

    `number` grows with every order to a database, `epoch` with every control process. `file_id` is the file's as the
    catalog told it. Begun before `deadline` or not at all; all of it takes at most `most_s` seconds, or gives way.
    """

    operation_id: str
    kind: Kind
    product: str
    database: str
    instance: str
    file_id: str
    epoch: int
    number: int
    suggestion_id: str
    revision: int
    plan_hash: str
    steps: list[Step]
    first: int
    last: int
    issued: datetime
    deadline: datetime
    most_s: float
    approvals: list[Given]

    @property
    def meant(self) -> list[Step]:
        """The steps that it is about."""
        return self.steps[self.first : self.last]


def sign(order: Order, key: Any, kid: str) -> tuple[bytes, str]:
    """The order's bytes and the signature over them; `key` is a private one of Ed25519."""
    carried = canonical(order)
    return carried, detached.sign(carried, SIGNED_AS, key, kid)


def verify(operation: Operation, keys: Mapping[str, Key]) -> Order:
    """Raises OperationError for one that none of these keys has signed, or that says two things."""
    try:
        detached.verify(operation.order, operation.signature, SIGNED_AS, keys)
    except SignatureError as error:
        raise OperationError(str(error)) from error
    try:
        order = Order.model_validate_json(operation.order)
    except ValidationError as error:
        raise OperationError("it is of another release, and cannot be read: use the same one on both sides") from error
    if (order.product, order.database, order.instance) != (operation.product, operation.database, operation.instance):
        raise OperationError("it is addressed to another one than the order that it carries")
    return order
