"""What a person asks for in words, once it is read as operations: which proposals that is about.

No word of the text gets here, only names of the catalog and enumerated kinds. What an operation asks for is a
candidate of the rules where they have it. An index or an order of rows is made from the names where they have not, as
far as the rules' own checks let it; all else needs what no name says, and is theirs alone. So is what is to be
dropped: that somebody asks for it does not show that nothing uses it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from schemas.actions import (
    AddColumn,
    Body,
    ChangeType,
    Cluster,
    CreateIndex,
    CreateSummary,
    DropIndex,
    OnTable,
    RenameColumn,
    RenameTable,
    unpack,
)
from schemas.expressions import Call, Cast, ColumnRef, Expression
from schemas.expressions import Operation as Computed
from schemas.measure.verdict import NOT_REACHED
from schemas.records import Candidate, Column, Refusal, Table

from ..language import reading
from ..language.reading import Kind, Operation
from .proposing import REFUSALS, Proposal, admitted
from .rule import Finding
from .rules import clustering, selective_index
from .rules.unused import OUT_OF_SIGHT
from .tables import Tables, column_of, name_of
from .workload import Workload

RULE = "request"
"""In place of a rule's name, where a refusal is about what was asked for."""
NOT_UNDERSTOOD = "not understood, so all was looked at: name tables and columns as the database has them"
TITLE = 120
"""Characters of the text that a refusal is titled with."""
WORDS: Mapping[Kind, str] = {
    "look_into": "look into",
    "create_index": "create an index on",
    "cluster": "sort the rows of",
    "create_summary": "keep totals of",
    "change_type": "change a type in",
    "add_column": "keep a computed column in",
    "drop_column": "drop a column of",
    "drop_table": "drop",
    "drop_index": "drop an index of",
}
NAMED: Mapping[Kind, Callable[[Workload, Table, Sequence[Column]], Finding]] = {
    "create_index": selective_index.asked,
    "cluster": clustering.asked,
}
"""What names alone say all of."""
IN_USE = "what is in use, or may be as far as is known, is not dropped; the rules find nothing that shows it is not"
THEIRS: Mapping[Kind, str] = {
    "create_summary": "which totals answer its queries is told by them alone, and the rules find none",
    "change_type": "which type fits is told by the values alone, and the rules find none",
    "add_column": "what is computed again and again is told by the queries alone, and the rules find nothing",
    "drop_column": IN_USE,
    "drop_table": IN_USE,
    "drop_index": IN_USE,
}


def readable(tables: Tables) -> tuple[reading.Table, ...]:
    """The tables and views that a text may be about."""
    return tuple(
        reading.Table(name=name, columns=tuple((column.name, column.type) for column in table.columns))
        for name, table in _named(tables).items()
    )


def said(operations: Sequence[Operation]) -> str:
    """In words."""
    return "; ".join(
        f"{WORDS[one.kind]} {one.table}" + (f" ({', '.join(one.columns)})" if one.columns else "") for one in operations
    )


def not_understood(proposal: Proposal, text: str) -> Proposal:
    """As without the text, which is said."""
    told = Refusal(rule=RULE, title=f"Asked for: {text[:TITLE]}", reason=NOT_UNDERSTOOD)
    return replace(proposal, refused=[told, *proposal.refused])


def focused(proposal: Proposal, operations: Sequence[Operation]) -> Proposal:
    """On the candidates that the operations are about; of all others it says that they were not asked for."""
    tables = _named(proposal.workload.tables)
    kept: dict[str, Candidate] = {}
    refused: list[Refusal] = []
    for one in operations:
        found, why_not = _asked(proposal, one, tables.get(one.table))
        kept |= {candidate.candidate_id: candidate for candidate in found}
        refused += why_not
    others = [one for one in proposal.candidates if one.candidate_id not in kept]
    refused += [*proposal.refused, *_not_asked_for(others)]
    return replace(proposal, candidates=list(kept.values()), refused=list(dict.fromkeys(refused)))


def _asked(proposal: Proposal, one: Operation, table: Table | None) -> tuple[list[Candidate], list[Refusal]]:
    columns = [column for name in one.columns if table and (column := column_of(table, name))]
    if table is None or len(columns) < len(one.columns) or not one.is_whole():
        return [], [_refusal(one, "the catalog has no such thing")]
    workload = proposal.workload
    if found := [candidate for candidate in proposal.candidates if _is_it(workload, candidate, one, table)]:
        return found, []
    if one.kind not in NAMED:
        return [], [_refusal(one, THEIRS.get(one.kind, "the rules propose nothing for the queries that use it"))]
    if table.kind != "table":
        return [], [_refusal(one, "a view has no rows of its own: name the tables that it reads")]
    finding = NAMED[one.kind](workload, table, columns)
    if isinstance(finding.found, Refusal):
        return [], [finding.found]
    return admitted([finding], workload, proposal.request)


def _is_it(workload: Workload, candidate: Candidate, one: Operation, table: Table) -> bool:
    """Whether the candidate does this, or concerns what is to be looked into."""
    bodies = [unpack(action) for action in candidate.actions]
    if one.kind == "look_into":
        return any(_is_on(body, table) for body in bodies) or _is_used(workload, candidate, table)
    return any(_is_on(body, table) and _does(body, one) for body in bodies)


def _is_on(body: Body, table: Table) -> bool:
    joined = [(join.schema_name, join.table) for join in body.joins] if isinstance(body, CreateSummary) else []
    return isinstance(body, OnTable) and name_of(table) in [(body.schema_name, body.table), *joined]


def _is_used(workload: Workload, candidate: Candidate, table: Table) -> bool:
    affected = frozenset(candidate.affected)
    return name_of(table) in workload.touched(
        query for query in workload.queries if query.shape.fingerprint in affected
    )


def _does(body: Body, one: Operation) -> bool:
    columns = list(one.columns)
    match body:
        case CreateIndex():
            return one.kind == "create_index" and body.columns == columns
        case Cluster():
            return one.kind == "cluster" and [key.column for key in body.keys] == columns
        case CreateSummary():
            return one.kind == "create_summary" and not set(columns).isdisjoint(_of_summary(body))
        case ChangeType():
            return one.kind == "change_type" and [body.column] == columns
        case AddColumn():
            return one.kind == "add_column" and not set(columns).isdisjoint(_names(body.expression))
        case RenameColumn():  # out of sight, before it is dropped
            return one.kind == "drop_column" and [body.column] == columns
        case RenameTable():
            return one.kind == "drop_table"
        case DropIndex():
            return one.kind == "drop_index" and body.columns == columns
    return False


def _of_summary(body: CreateSummary) -> set[str]:
    told = [one.expression for one in body.group_by] + [one.argument for one in body.aggregates if one.argument]
    return {name for expression in told for name in _names(expression)}


def _names(expression: Expression) -> Iterator[str]:
    match expression:
        case ColumnRef():
            yield expression.name
        case Call():
            for argument in expression.arguments:
                yield from _names(argument)
        case Computed():
            yield from _names(expression.left)
            yield from _names(expression.right)
        case Cast():
            yield from _names(expression.operand)


def _named(tables: Tables) -> dict[str, Table]:
    """By its own name, or with its schema where that means another one."""
    found: dict[str, Table] = {}
    for table in tables.all:
        if table.kind != "file" and not table.name.endswith(OUT_OF_SIGHT):
            is_meant = tables.find("", table.name) is table
            found.setdefault(table.name if is_meant else f"{table.schema_name}.{table.name}", table)
    return found


def _refusal(one: Operation, reason: str) -> Refusal:
    what = said([one])
    return Refusal(rule=RULE, title=what[:1].upper() + what[1:], reason=reason)


def _not_asked_for(others: Sequence[Candidate]) -> Iterator[Refusal]:
    for one in others[:REFUSALS]:
        yield Refusal(rule=one.rule, title=one.title, reason="it was not asked for", verdict=NOT_REACHED)
    if len(others) > REFUSALS:
        title = f"{len(others) - REFUSALS} more changes"
        yield Refusal(rule=RULE, title=title, reason="they were not asked for", verdict=NOT_REACHED)
