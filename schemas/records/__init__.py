"""The records on the topics: one pydantic model and one `.avsc` each."""

from .analysis import AnalysisRequest, Experience, Mute, Usage, WorkloadShape
from .approval import Approval, Reading, Ruling
from .base import NAMESPACE, Action, Part, Position, Record, Sketch
from .catalog import CatalogSnapshot, Column, Constraint, Coverage, Index, Table
from .control import Accepted, Decision, JournalEntry, Outgoing, Request
from .dead_letter import DeadLetter
from .measurement import (
    Candidate,
    CandidateResult,
    Machine,
    Measurement,
    MeasurementRequest,
    QueryResult,
    Refusal,
)
from .operation import Operation, Outcome, Verdict
from .patterns import Pattern, PatternBatch
from .query_log import Profile, QueryEvent, QueryLogBatch, QueryLogEvent, QueryShape
from .suggestion import Considered, Cost, Gain, Limits, Step, Suggestion, Touched

RECORDS: tuple[type[Record], ...] = (
    QueryLogBatch,
    QueryLogEvent,
    CatalogSnapshot,
    PatternBatch,
    AnalysisRequest,
    MeasurementRequest,
    Measurement,
    Suggestion,
    Request,
    JournalEntry,
    DeadLetter,
    Approval,
    Ruling,
    Operation,
    Outcome,
    Verdict,
    Reading,
)

__all__ = [
    "NAMESPACE",
    "RECORDS",
    "Accepted",
    "Action",
    "AnalysisRequest",
    "Approval",
    "Candidate",
    "CandidateResult",
    "CatalogSnapshot",
    "Column",
    "Considered",
    "Constraint",
    "Cost",
    "Coverage",
    "DeadLetter",
    "Decision",
    "Experience",
    "Gain",
    "Index",
    "JournalEntry",
    "Limits",
    "Machine",
    "Measurement",
    "MeasurementRequest",
    "Mute",
    "Operation",
    "Outcome",
    "Outgoing",
    "Part",
    "Pattern",
    "PatternBatch",
    "Position",
    "Profile",
    "QueryEvent",
    "QueryLogBatch",
    "QueryLogEvent",
    "QueryResult",
    "QueryShape",
    "Reading",
    "Record",
    "Refusal",
    "Request",
    "Ruling",
    "Sketch",
    "Step",
    "Suggestion",
    "Table",
    "Touched",
    "Usage",
    "Verdict",
    "WorkloadShape",
]
