"""What the API shows and takes, for the server and for who asks it."""

from datetime import datetime
from typing import Annotated, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from schemas.approvals import Decided
from schemas.records import Suggestion
from schemas.records.analysis import LONGEST_TEXT
from schemas.tokens import LARGEST

R = TypeVar("R")


class Shown(BaseModel):
    """A newer release may show more."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Page(Shown, Generic[R]):
    """`next` is the `cursor` of the next page, None on the last."""

    items: list[R]
    next: str | None


class SuggestionListed(Shown):
    """The newest revision of a change. `speedup` is before / after; `steps` is how many its plan has.

    `asked` is what a person asked for in words, where that led to it.
    """

    suggestion_id: str
    revision: int
    product: str
    database: str
    analysis_id: str
    position: int
    rule: str
    title: str
    speedup: float | None
    steps: int
    time: datetime
    asked: str = ""


class NothingListed(Shown):
    """A database whose newest analysis suggests nothing, and why.

    `asked` is what a person asked for in words, and `read_as` what that was read as, and by whom.
    """

    product: str
    database: str
    analysis_id: str
    time: datetime
    reason: str
    asked: str
    read_as: str


class RulingShown(Shown):
    """What the gate said of an approval. All together let the first `agreed` steps be done, from `opens` on."""

    approval_id: str
    time: datetime
    suggestion_id: str
    revision: int
    identity: str
    approver: str
    decision: Decided
    steps: int
    verdict: str
    reason: str
    agreed: int
    opens: datetime | None


class VerdictShown(Shown):
    """What an operation brought, against what was promised. Ratios are before / after, null where there is none."""

    operation_id: str
    suggestion_id: str
    revision: int
    verdict: Literal["confirmed", "worse", "inconclusive"]
    reason: str
    speedup: float | None
    low: float | None
    high: float | None
    slots: int
    promised: float | None
    promised_low: float | None
    promised_high: float | None
    as_promised: bool | None
    product: str
    database: str
    time: datetime


class OutcomeShown(Shown):
    """As the product says. `waiting` writers were held back, for `waited_ms` at the most."""

    reason: str
    began: datetime
    seconds: float
    waiting: int
    waited_ms: float


class OperationShown(Shown):
    """Steps `first` to below `last` of a plan. `state` is "sent" until the product answers, then that of the outcome.

    It is "refused", with `reason`, also where the product was told nothing.
    """

    operation_id: str
    product: str
    database: str
    instance: str
    kind: Literal["apply", "revert"]
    suggestion_id: str
    revision: int
    first: int
    last: int
    time: datetime
    deadline: datetime
    requested_by: str
    state: str
    reason: str
    outcome: OutcomeShown | None
    verdict: VerdictShown | None


class SuggestionShown(Shown):
    """Rulings and operations are the newest of all its revisions. `done` is how many of its first steps are done."""

    suggestion: Suggestion
    done: int
    rulings: list[RulingShown]
    operations: list[OperationShown]


class ApprovalGiven(BaseModel):
    """`token` is signed as `schemas.approvals` says; `claims`, canonical JSON, go with an ID token alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: str = Field(max_length=LARGEST)
    claims: str | None = Field(None, max_length=LARGEST)


class ApprovalShown(Shown):
    """`ruling` is None until the gate has spoken."""

    approval_id: str
    ruling: RulingShown | None


class Analyse(BaseModel):
    """Of every database of the product where none is named. `text` says in words what it is about."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["analyse"] = "analyse"
    product: str = Field(max_length=200)
    database: str = Field("", max_length=200)
    text: str = Field("", max_length=LONGEST_TEXT)


class Rollback(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["rollback"] = "rollback"
    operation_id: UUID


class Backup(BaseModel):
    """Of the knowledge file, now."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["backup"] = "backup"


RequestGiven = Annotated[Analyse | Rollback | Backup, Field(discriminator="kind")]


class AnswerShown(Shown):
    """`reason` says why nothing is done, and is empty where it is: as that analysis, operation, or backup.

    A backup's file is on the control process's machine, and stands at `sequence` of the journal.
    """

    database: str
    reason: str
    analysis_id: str | None = None
    operation_id: str | None = None
    file: str | None = None
    sequence: int | None = None


class StoryShown(Shown):
    """In words, line by line, in the order in which it happened."""

    lines: list[str]


class RequestShown(Shown):
    """`answered` once nothing is left to decide."""

    request_id: str
    answered: bool
    answers: list[AnswerShown]
