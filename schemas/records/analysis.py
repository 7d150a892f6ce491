"""From the control process to `advise`: all that the rules need."""

from datetime import datetime

from .base import Part, Record
from .catalog import CatalogSnapshot

LONGEST_TEXT = 2_000
"""Characters of what a person asks for in words."""


class WorkloadShape(Part):
    """One shape of the workload over the window of the analysis. Latencies in microseconds."""

    fingerprint: str
    statement: str
    kind: str
    count: int
    errors: int
    rows: int
    total_us: int
    p50_us: int
    p95_us: int
    sampled: int = 0
    rows_scanned: int = 0
    routes: dict[str, int] = {}
    exemplars: list[str] = []


class Experience(Part):
    """What came of a rule's suggestions, of this product (`here`) or of all others.

    Changes whose promise was kept, that brought less, or that made things worse; suggestions that were rejected; and
    scores, 1 to 5, by their number and sum. `reasons` are the rejections by the class of their reason, as far as it was
    read (see `Reading`).
    """

    rule: str
    here: bool
    kept: int
    short: int
    worse: int
    rejected: int
    scored: int
    score_sum: int
    reasons: dict[str, int] = {}


class Mute(Part):
    """A rule, or what it would do to one table, that the team does not want proposed; `reason` says who and why."""

    rule: str
    table: str
    reason: str


class Usage(Part):
    """What is known of use beside the `workload`: all that ran since `since`, however little time it took.

    `named` are the tables, views and columns of the catalog, in lower case, whose names occur in it. `doubt` says why
    there may be more, and is empty where nothing speaks for it; `named` is told only then.
    """

    since: datetime
    named: list[str]
    doubt: str


class AnalysisRequest(Record):
    """`revision` counts the analyses of this database. `epoch` is the control epoch that asked.

    `experience` moves the order in which candidates are tried; what is in `mutes` is not proposed. `text` is what a
    person asked for in words, on one line; empty where nobody did.
    """

    analysis_id: str
    revision: int
    epoch: int
    reason: str
    catalog: CatalogSnapshot
    window_start: datetime
    window_end: datetime
    budget_s: float
    workload: list[WorkloadShape]
    usage: Usage
    experience: list[Experience] = []
    mutes: list[Mute] = []
    text: str = ""
