"""What the world reads: one measured suggestion with everything that is needed to show it."""

from datetime import datetime

from .base import Action, Part, Record
from .measurement import Machine, QueryResult


class Gain(Part):
    """Over the affected queries, weighted by how often each ran: before / after, a median with its interval.

    `measured_on` says in words on what, `unproved` that a sample cannot carry the figure. `saved_s_per_day` is
    at the frequency of the window, less what the writes lose.
    """

    speedup: float
    low: float
    high: float
    k: int
    before_ms: float
    after_ms: float
    saved_s_per_day: float
    measured_on: str
    unproved: bool


class Cost(Part):
    """`write_ratio` is after / before of the replayed writes; `break_even_s` how long until the build is paid.

    `break_even_runs` is the same in runs of the affected queries; both are -1 where it never pays.
    """

    build_s: float
    extra_bytes: int
    peak_bytes: int
    write_ratio: float
    write_low: float
    write_high: float
    writes: int
    break_even_runs: float
    break_even_s: float


class Considered(Part):
    """What else was looked at. `speedup` is 0 where it was not measured."""

    rule: str
    title: str
    verdict: str
    reason: str
    speedup: float


class Suggestion(Record):
    """`kind` is "change", or "nothing" with the reasons. `position` of `of` in its analysis, best first.

    `suggestion_id` is the same whenever the same change is found again for this database; `revision` grows.
    `after` are the suggestions that this one was measured on top of. `sql` is for reading and for landing as
    code, `inverse_sql` is the way back, empty where there is none.
    """

    suggestion_id: str
    revision: int
    analysis_id: str
    position: int
    of: int
    kind: str
    rule: str
    title: str
    reason: str
    actions: list[Action]
    plan_hash: str
    sql: list[str]
    inverse_sql: list[str]
    reversible: bool
    equality: str
    equality_reason: str
    after: list[str]
    gain: Gain | None
    cost: Cost | None
    queries: list[QueryResult]
    statements: dict[str, str]
    considered: list[Considered]
    machine: Machine
    catalog_hash: str
    window_start: datetime
    window_end: datetime
