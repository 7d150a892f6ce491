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


class Touched(Part):
    """A table or view that a step needs as it was planned: `before` and `after` are hashes of its definition.

    Empty where it is not there. Views, and tables whose foreign keys refer to it, are touched with a table.
    """

    schema_name: str
    name: str
    before: str
    after: str


class Limits(Part):
    """What a step may take at the most before it gives way."""

    build_s: float
    extra_bytes: int
    peak_bytes: int


class Step(Part):
    """One action of a plan. `inverse` takes it back, and is empty where nothing need be or where nothing can.

    The SQL is for reading and for landing as code: the product's side renders its own from the actions.
    """

    action: Action
    touched: list[Touched]
    reversible: bool
    inverse: list[Action]
    sql: list[str]
    inverse_sql: list[str]
    limits: Limits


class Suggestion(Record):
    """`kind` is "change", or "nothing" with the reasons. `position` of `of` in its analysis, best first.

    `suggestion_id` is the same whenever the same change is found again for this database; `revision` grows.
    `after` are the suggestions that this one was measured on top of. `steps` are done in their order, and what is
    approved is `plan_hash`, which covers all that is in them. `measured_s` is how long its whole analysis measured
    beside the product, without making the clone; `promised_s` the time of the window that the rule expected to save,
    and `prior` what that counted by in the order of trying, for what came of the rule's suggestions before. `asked` is
    what a person asked for in words, and `read_as` what that was read as, and by whom; both are empty where nobody did.
    `runs` says how often each of `queries` ran in the window.
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
    steps: list[Step]
    plan_hash: str
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
    measured_s: float | None = None
    promised_s: float | None = None
    prior: float = 1.0
    asked: str = ""
    read_as: str = ""
    runs: dict[str, int] = {}
