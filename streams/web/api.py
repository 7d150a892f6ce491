"""The API, version 1: what is suggested, decided and carried out is read from the control process's tables; what
people hand in goes to Kafka, and is taken once that has it. Nothing is decided here.

Each function runs in a thread of its own, away from the event loop.
"""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

import structlog
from duckdb import DuckDBPyConnection
from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.security import HTTPBearer
from pydantic import TypeAdapter
from starlette.exceptions import HTTPException

from schemas import records
from schemas.approvals import claimed
from schemas.records import Approval
from schemas.topics import APPROVALS, REQUESTS
from store import approvals, decisions, operations, requests, suggestions, watches
from store.projection import LONGEST_NAME
from store.report import Report, report
from streams.access import story
from streams.access.api_keys import Scope

from .answering import accepted, answer, page, tagged
from .callers import Caller
from .idempotency import Remembered
from .problems import MEDIA_TYPE, Problem
from .resources import (
    Analyse,
    AnswerShown,
    ApprovalGiven,
    ApprovalShown,
    NothingListed,
    OperationShown,
    OutcomeShown,
    Page,
    RequestGiven,
    RequestShown,
    Rollback,
    RulingShown,
    StoryShown,
    SuggestionListed,
    SuggestionShown,
    VerdictShown,
)
from .source import Source

PREFIX = "/v1"
MOST = 200
"""Rows of a page, and of what is shown beside a suggestion."""
BEGINNING = Annotated[str, Query(alias="id", max_length=36, description="How the id begins.")]
PRODUCT = Annotated[str | None, Query(max_length=200)]
CURSOR = Annotated[str | None, Query(max_length=500, description="`next` of the page before.")]
LIMIT = Annotated[int, Query(ge=1, le=MOST)]

logger = structlog.get_logger(__name__)


def _source(request: Request) -> Source:
    found: Source = request.app.state.source
    return found


def _remembered(request: Request) -> Remembered:
    found: Remembered = request.app.state.remembered
    return found


def _needs(scope: Scope) -> Any:
    def check(request: Request) -> Caller:
        caller: Caller = request.state.caller
        if scope not in caller.scopes:
            raise HTTPException(403, f"{caller.name} has no right to `{scope}` here: use a key with that scope")
        return caller

    return Depends(check)


SOURCE = Annotated[Source, Depends(_source)]
READER = Annotated[Caller, _needs(Scope.READ)]
WRONG: dict[int | str, dict[str, Any]] = {
    status: {"description": what, "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}}
    for status, what in (("4XX", "What is wrong with it"), ("5XX", "What is wrong here"))
}
router = APIRouter(prefix=PREFIX, dependencies=[Depends(HTTPBearer(auto_error=False))], responses=WRONG)


@router.get("/suggestions", response_model=Page[SuggestionListed])
def list_suggestions(
    request: Request, source: SOURCE, _: READER, product: PRODUCT = None, begins: BEGINNING = "",
    cursor: CURSOR = None, limit: LIMIT = 50,
) -> Response:  # fmt: skip
    """The newest revision of each change, those of the newest analysis first, within it best first."""
    return page(request, source, suggestions.CHANGES, [product, begins], cursor, limit, _listed)


@router.get("/nothing", response_model=Page[NothingListed])
def list_nothing(
    request: Request, source: SOURCE, _: READER, product: PRODUCT = None, cursor: CURSOR = None, limit: LIMIT = 50
) -> Response:
    """The databases whose newest analysis suggests nothing, and why; the newest first."""
    return page(request, source, suggestions.NOTHING, [product], cursor, limit, _nothing)


@router.get("/suggestions/{suggestion_id}", response_model=SuggestionShown)
def show_suggestion(request: Request, source: SOURCE, _: READER, suggestion_id: UUID) -> Response:
    """The newest revision whole, and of all its revisions what the gate said and what was carried out."""
    wanted = str(suggestion_id)
    with source.reading() as tx:
        if (found := suggestions.newest(tx, wanted)) is None:
            raise HTTPException(404, f"there is no suggestion {wanted}")
        told = operations.SHOWN.page(tx, [None, "", wanted], None, MOST).rows
        ruled = [_ruling(one) for one in approvals.rulings_on(tx, wanted, MOST)]
        done = operations.done(tx, wanted, found.revision)
    shown = SuggestionShown(suggestion=found, done=done, rulings=ruled, operations=[_operation(one) for one in told])
    return answer(request, shown)


@router.get("/operations", response_model=Page[OperationShown])
def list_operations(
    request: Request, source: SOURCE, _: READER, product: PRODUCT = None, begins: BEGINNING = "",
    cursor: CURSOR = None, limit: LIMIT = 50,
) -> Response:  # fmt: skip
    """What products were told to carry out and take back, and what came of it; the newest first."""
    return page(request, source, operations.SHOWN, [product, begins, None], cursor, limit, _operation)


@router.get("/operations/{operation_id}", response_model=OperationShown)
def show_operation(request: Request, source: SOURCE, _: READER, operation_id: UUID) -> Response:
    with source.reading() as tx:
        return answer(request, _the_operation(tx, str(operation_id)))


@router.get("/verdicts", response_model=Page[VerdictShown])
def list_verdicts(
    request: Request, source: SOURCE, _: READER, product: PRODUCT = None, cursor: CURSOR = None, limit: LIMIT = 50
) -> Response:
    """What operations brought, against what was promised; the newest first."""
    return page(request, source, watches.VERDICTS, [product], cursor, limit, _verdict)


@router.get("/report", response_model=Report)
def show_report(
    request: Request, source: SOURCE, _: READER, product: PRODUCT = None,
    month: Annotated[date | None, Query(description="Any day of it.")] = None,
) -> Response:  # fmt: skip
    """What was promised and what came, by month, less what the sidecar takes itself."""
    with source.reading() as tx:
        found = report(tx, month.replace(day=1) if month else None, product)
    return tagged(request, TypeAdapter(Report).dump_json(found))


@router.get("/story", response_model=StoryShown)
def show_story(
    request: Request, source: SOURCE, _: READER, of: Annotated[str, Query(min_length=1, max_length=200)]
) -> Response:
    """Of a suggestion, by how its id begins, or by words of what was not suggested."""
    with source.reading() as tx:
        lines = story.lines(tx, of)
    if lines is None:
        raise HTTPException(404, f"{of!r} names no suggestion alone, and nothing that was passed over")
    return answer(request, StoryShown(lines=lines))


@router.post("/approvals", response_model=ApprovalShown, status_code=202)
def give_approval(source: SOURCE, caller: Annotated[Caller, _needs(Scope.APPROVE)], given: ApprovalGiven) -> Response:
    """Hands a signed decision to Kafka, where the gate judges it; whose key this is counts for nothing.

    The same token again is the same approval.
    """
    approval = Approval(
        product="", database="", instance="", event_id=str(uuid5(NAMESPACE_URL, f"{given.token} {given.claims or ''}")),
        time=datetime.now(UTC), token=given.token, claims=None if given.claims is None else given.claims.encode(),
    )  # fmt: skip
    claims = claimed(approval)
    approval = approval.model_copy(update={"product": claims.product, "database": claims.database})
    with source.reading() as tx:
        shown = _approval(tx, approval.event_id)
    if shown is None:
        source.send(APPROVALS, approval)
        logger.info("an approval was handed in", by=caller.name, approval_id=approval.event_id)
        shown = ApprovalShown(approval_id=approval.event_id, ruling=None)
    return accepted(shown, f"{PREFIX}/approvals/{approval.event_id}")


@router.get("/approvals/{approval_id}", response_model=ApprovalShown)
def show_approval(request: Request, source: SOURCE, _: READER, approval_id: UUID) -> Response:
    with source.reading() as tx:
        shown = _approval(tx, str(approval_id))
    if shown is None:
        raise HTTPException(404, f"no approval {approval_id} has come: one that Kafka has just taken comes in a moment")
    return answer(request, shown)


@router.post("/requests", response_model=RequestShown, status_code=202)
def make_request(
    source: SOURCE, remembered: Annotated[Remembered, Depends(_remembered)],
    caller: Annotated[Caller, _needs(Scope.EXECUTE)], given: RequestGiven,
    key: Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=255)] = None,
) -> Response:  # fmt: skip
    """Hands a request to Kafka, for the control process to answer: analyse, take an operation back, make a backup."""
    product, database, body = "", "", {}
    if isinstance(given, Analyse):
        product, database = given.product, given.database
        body = {"text": given.text} if given.text else {}
    elif isinstance(given, Rollback):
        with source.reading() as tx:
            operation = _the_operation(tx, str(given.operation_id))
        product, database = operation.product, operation.database
        body = {"operation_id": operation.operation_id}
    made = records.Request(
        product=product, database=database, instance="", event_id=str(uuid4()), time=datetime.now(UTC),
        kind=given.kind, body=json.dumps(body).encode(), requested_by=caller.name[:LONGEST_NAME],
    )  # fmt: skip

    def send() -> str:
        partition, offset = source.send(REQUESTS, made)
        logger.info("a request was handed in", by=caller.name, kind=given.kind, place=f"{partition}/{offset}")
        return f"{partition}-{offset}"

    request_id = remembered.once(caller.name, key, given.model_dump_json(), send)
    return accepted(RequestShown(request_id=request_id, answered=False, answers=[]), f"{PREFIX}/requests/{request_id}")


@router.get("/requests/{request_id}", response_model=RequestShown)
def show_request(
    request: Request, source: SOURCE, _: READER, request_id: Annotated[str, Path(pattern=r"^\d{1,9}-\d{1,18}$")]
) -> Response:
    """Its id is its place in Kafka: partition and offset."""
    partition, offset = map(int, request_id.split("-"))
    with source.reading() as tx:
        waits = requests.is_waiting(tx, partition, offset)
        given = decisions.answers(tx, f"{partition}/{offset}")
    if not waits and not given:
        raise HTTPException(404, f"there is no request {request_id}")
    answers = [AnswerShown(**{"reason": "", **one, **_refusal(one)}) for one in given]
    return answer(request, RequestShown(request_id=request_id, answered=not waits, answers=answers))


def _approval(tx: DuckDBPyConnection, approval_id: str) -> ApprovalShown | None:
    if ruling := approvals.ruled(tx, approval_id):
        return ApprovalShown(approval_id=approval_id, ruling=_ruling(ruling))
    return ApprovalShown(approval_id=approval_id, ruling=None) if approvals.waits(tx, approval_id) else None


def _ruling(row: Mapping[str, Any]) -> RulingShown:
    return RulingShown(**{**row, "time": row["timestamp"]})


def _the_operation(tx: DuckDBPyConnection, operation_id: str) -> OperationShown:
    rows = operations.SHOWN.page(tx, [None, operation_id, None], None, 1).rows
    if not rows:
        raise HTTPException(404, f"there is no operation {operation_id}: `sidecar operations` lists them")
    return _operation(rows[0])


def _listed(row: dict[str, Any]) -> SuggestionListed:
    return SuggestionListed(**row)


def _nothing(row: dict[str, Any]) -> NothingListed:
    return NothingListed(**row)


def _operation(row: dict[str, Any]) -> OperationShown:
    outcome = json.loads(row["outcome"]) if row["outcome"] else None
    judged = _verdict({**row, "time": row["judged"]}) if row["verdict"] else None
    values = {
        **row, "first": row["first_step"], "last": row["last_step"], "verdict": judged,
        "reason": row["refused"] or (outcome["reason"] if outcome else ""),
        "outcome": OutcomeShown(**outcome) if outcome else None,
    }  # fmt: skip
    return OperationShown(**values)


def _verdict(row: dict[str, Any]) -> VerdictShown:
    return VerdictShown(**{**row, **json.loads(row["verdict"])})


def _refusal(context: dict[str, Any]) -> dict[str, str]:
    """Why nothing is done. An analysis has a reason as well, which is why it is."""
    refused = context["reason"] if context["kind"] == "refuse" else context.get("refused")
    return {"reason": refused or ""}
