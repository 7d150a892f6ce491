"""From the control process to `advise`: all that the rules need."""

from datetime import datetime

from .base import Part, Record
from .catalog import CatalogSnapshot


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


class AnalysisRequest(Record):
    """`revision` counts the analyses of this database. `epoch` is the control epoch that asked."""

    analysis_id: str
    revision: int
    epoch: int
    reason: str
    catalog: CatalogSnapshot
    window_start: datetime
    window_end: datetime
    dropped: int
    budget_s: float
    workload: list[WorkloadShape]
