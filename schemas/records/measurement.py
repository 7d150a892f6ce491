"""From `advise` to the product's side and back: what to measure, and what came out."""

from datetime import datetime

from .analysis import WorkloadShape
from .base import Action, Part, Record
from .catalog import Table


class Candidate(Part):
    """A change worth measuring, as an ordered chain of actions.

    `affected` are the fingerprints whose time it may change, reads and writes; `gaining` those among them that should
    become faster, `promised_s` the time of the window that the rule expects them to save, and `prior` what that counts
    by in the order of trying, for what came of the rule's suggestions before. `likely` is the probability of a gain and
    `preference` the log-odds over doing nothing that a ranker gives it: 1 and 0 where none was asked. `equality` says
    what makes the results the same: "physical", "logic", "constraint" or "data"; `equality_reason` says it in words.
    """

    candidate_id: str
    rule: str
    title: str
    reason: str
    actions: list[Action]
    affected: list[str]
    equality: str
    equality_reason: str
    gaining: list[str] = []
    promised_s: float = 0.0
    prior: float = 1.0
    likely: float = 1.0
    preference: float = 0.0


class Refusal(Part):
    """What a rule looked at and did not propose, and why.

    `verdict` is "not reached" where that says nothing of it: others came first, or nobody asked for it, or wants it.
    """

    rule: str
    title: str
    reason: str
    verdict: str = "refused"


class MeasurementRequest(Record):
    """Candidates come best first; `deadline` is when an answer is of no more use.

    `tables` are to be cloned, as `schema.name`; `definitions` are those, and what depends on what the actions
    change, as in the catalog. `ranker` and `ranker_version` say by whom the candidates were judged: "rules", or a
    model. `asked` is what a person asked for in words, and `read_as` what that was read as, and by whom; both are
    empty where nobody did.
    """

    analysis_id: str
    revision: int
    epoch: int
    catalog_hash: str
    window_start: datetime
    window_end: datetime
    deadline: datetime
    budget_s: float
    tables: list[str]
    workload: list[WorkloadShape]
    candidates: list[Candidate]
    refused: list[Refusal]
    definitions: list[Table] = []
    ranker: str = "rules"
    ranker_version: str = ""
    asked: str = ""
    read_as: str = ""


class QueryResult(Part):
    """One query before and after. `speedup` is before / after: a median with its interval over `k` pairs.

    `aa_low` and `aa_high` bound the same ratio for the unchanged query against itself, in the same run.
    `equal` is "equal", "equal within tolerance", "same values, other type", "different" or "unknown"; `unproved`
    marks a figure that a sample cannot carry. `clock` is "wall", or "cpu" where the machine was too busy for that.
    """

    fingerprint: str
    before_ms: float
    after_ms: float
    speedup: float
    low: float
    high: float
    k: int
    aa_low: float
    aa_high: float
    equal: str
    unproved: bool = False
    clock: str = "wall"


class CandidateResult(Part):
    """`stage` is "proposed", "screened" or "measured", as far as it came; `verdict` is "gain", "no gain", "harm",
    "different results", "inconclusive", "not measurable" or "not reached" (the budget ended before).

    `order` is the place in the measured set, from 1, and 0 outside it; what comes later was measured on top of
    what came before. `speedup` is before / after of all its queries together, each as often as it ran, with its
    interval: what the verdict rests on, and 1 where no query was timed. `write_ratio` is after / before of the
    replayed writes, 1 where there were none.
    """

    candidate_id: str
    stage: str
    verdict: str
    reason: str
    order: int
    queries: list[QueryResult]
    speedup: float
    low: float
    high: float
    build_s: float
    extra_bytes: int
    peak_bytes: int
    write_ratio: float
    write_low: float
    write_high: float
    writes: int


class Machine(Part):
    """Where it was measured. `clone` is "full", "sample" or "snapshot", or "none" where nothing was measured.

    `share` is the part of the rows in it. `clone_made` is when it was complete, `clone_deleted` when it was seen to be
    gone; None where that was not seen.
    """

    duckdb_version: str
    cpus: int
    threads: int
    memory_limit_bytes: int
    clone: str
    clone_rows: int
    clone_bytes: int
    clone_s: float
    share: float
    clone_made: datetime | None = None
    clone_deleted: datetime | None = None


class Measurement(Record):
    """Carries the whole request, so that concluding needs nothing else. `error` is set where nothing could run."""

    request: MeasurementRequest
    machine: Machine
    measured_s: float
    error: str | None
    results: list[CandidateResult]
    not_measurable: dict[str, str] = {}
