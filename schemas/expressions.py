"""Typed expressions: what a summary or a computed column may contain, and nothing else."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Node(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnRef(Node):
    node: Literal["column"] = "column"
    name: str
    table: str | None = None


class Constant(Node):
    """An integer or one of the texts that are shape, not data: units and formats."""

    node: Literal["constant"] = "constant"
    value: int | str


class Call(Node):
    """A scalar function of the allow-list in `FUNCTIONS`."""

    node: Literal["call"] = "call"
    function: str
    arguments: list["Expression"]


class Operation(Node):
    node: Literal["operation"] = "operation"
    operator: Literal["+", "-", "*", "/", "//", "%", "||"]
    left: "Expression"
    right: "Expression"


class Cast(Node):
    node: Literal["cast"] = "cast"
    operand: "Expression"
    type: str


Expression = Annotated[ColumnRef | Constant | Call | Operation | Cast, Field(discriminator="node")]

FUNCTIONS = frozenset(
    "abs ceil coalesce concat date_diff date_part date_trunc day dayofweek dayofyear floor hour json_extract_string "
    "length lower ltrim minute month quarter round rtrim second strftime substring trim trunc upper week year".split()
)

for model in (Call, Operation, Cast):
    model.model_rebuild()
