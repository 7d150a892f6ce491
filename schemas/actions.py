"""Typed actions: the only changes there are. An action is kind, version and body.

Hashes cover the carried bytes, so what was approved is what is done. Unknown kinds and versions are refused. SQL is
made from these models by `schemas.render`, and from nothing else.
"""

import hashlib
from collections.abc import Sequence
from typing import ClassVar, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import ValidationError

from .canonical import canonical
from .errors import ActionError
from .expressions import Expression, Node
from .records import Action


class Body(Node):
    """What an action says."""

    kind: ClassVar[str]
    version: ClassVar[int] = 1


class OnTable(Body):
    schema_name: str = "main"
    table: str


class CreateIndex(OnTable):
    kind: ClassVar[str] = "create_index"
    name: str
    columns: list[str]
    unique: bool = False


class DropIndex(OnTable):
    kind: ClassVar[str] = "drop_index"
    name: str
    columns: list[str]
    unique: bool = False


class SortKey(Node):
    column: str
    descending: bool = False


class Cluster(OnTable):
    """Rewrites the table in the order of the keys. The way back is the order that it had, where it had one."""

    kind: ClassVar[str] = "cluster"
    keys: list[SortKey]


ColumnType = Literal["INTEGER", "BIGINT", "DATE", "TIMESTAMP", "UUID", "ENUM", "VARCHAR"]


class ChangeType(OnTable):
    """`to_type` ENUM takes its values from the column itself; from ENUM, the type that was made so is dropped."""

    kind: ClassVar[str] = "change_type"
    column: str
    from_type: ColumnType
    to_type: ColumnType


class AddColumn(OnTable):
    """A stored column computed from others of the same row; writers must keep it."""

    kind: ClassVar[str] = "add_column"
    column: str
    type: str
    expression: Expression


class RenameTable(OnTable):
    """Out of sight, before it is dropped: whoever still asks for it is told that it is not there."""

    kind: ClassVar[str] = "rename_table"
    to: str


class RenameColumn(OnTable):
    """Out of sight, before it is dropped."""

    kind: ClassVar[str] = "rename_column"
    column: str
    to: str


class DropColumn(OnTable):
    kind: ClassVar[str] = "drop_column"
    column: str


class DropTable(OnTable):
    kind: ClassVar[str] = "drop_table"


class Join(Node):
    """An inner join; `on` pairs a column of what came before (as `alias.column`) with one of this table."""

    schema_name: str = "main"
    table: str
    alias: str
    on: list[tuple[str, str]]


class Named(Node):
    name: str
    expression: Expression


class Aggregate(Node):
    """`argument` None is `count(*)`."""

    name: str
    function: Literal["count", "sum", "min", "max"]
    argument: Expression | None = None


class CreateSummary(OnTable):
    """A table of aggregates by group. `alias` names the first table inside expressions."""

    kind: ClassVar[str] = "create_summary"
    name: str
    alias: str
    joins: list[Join] = []
    group_by: list[Named]
    aggregates: list[Aggregate]


class Rewrite(Body):
    """Another text for one shape; placeholders `$n` are those of the original statement.

    It is advice for the caller's code. The text is run on a clone only, inside the sandbox.
    """

    kind: ClassVar[str] = "rewrite"
    fingerprint: str
    statement: str


class ConvertFile(Body):
    """An external file (by its salted id) as Parquet, in the order of the keys."""

    kind: ClassVar[str] = "convert_file"
    file: str
    keys: list[SortKey] = []


KINDS: dict[tuple[str, int], type[Body]] = {
    (model.kind, model.version): model
    for model in (
        CreateIndex,
        DropIndex,
        Cluster,
        ChangeType,
        AddColumn,
        RenameTable,
        RenameColumn,
        DropColumn,
        DropTable,
        CreateSummary,
        Rewrite,
        ConvertFile,
    )
}


def pack(body: Body) -> Action:
    """The action with its canonical bytes."""
    return Action(kind=body.kind, version=body.version, body=canonical(body))


def unpack(action: Action) -> Body:
    """Raises ActionError for a kind or version that is not known, or a body that does not fit it."""
    if (model := KINDS.get((action.kind, action.version))) is None:
        raise ActionError(f"unknown action {action.kind!r} version {action.version}: it is refused")
    try:
        return model.model_validate_json(action.body)
    except ValidationError as error:
        raise ActionError(f"the body of {action.kind!r} is not valid: {error.errors(include_input=False)}") from error


def actions_hash(actions: Sequence[Action]) -> str:
    """sha256 over kind, version and carried bytes of each action in order, each part with its length."""
    digest = hashlib.sha256()
    for action in actions:
        for part in (action.kind.encode(), str(action.version).encode(), action.body):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def suggestion_id(product: str, database: str, actions: Sequence[Action]) -> UUID:
    """UUIDv5 of the database and the canonical actions: the same change found again has the same id."""
    return uuid5(NAMESPACE_URL, f"duckdb-sidecar:suggestion:{product}:{database}:{actions_hash(actions)}")
