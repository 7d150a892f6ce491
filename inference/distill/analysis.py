"""An analysis request over some shapes of a database, as the control process would make it: pure, and so the same each
time.
"""

from collections.abc import Iterable
from datetime import timedelta
from random import Random

from schemas.records import AnalysisRequest, CatalogSnapshot, Coverage, Usage, WorkloadShape

BUDGET_S = 45.0
DAYS = 40
"""Of the window: more than a month, so that what is unused can be told."""
FULL_COVERAGE = 0.25
"""Of the lists so many come from products that declare that the log shows every use."""
KEPT = (0.1, 1.0)
"""Ends of the share of the shapes that a list has."""
FEWEST = 6
WRITTEN_MORE = (0.0, 0.2, 1.0, 1.0, 10.0)
"""How much more often than it is drawn a list's writes run."""


def drawn(catalog: CatalogSnapshot, known: Iterable[WorkloadShape], seed: int) -> AnalysisRequest:
    """Some of the shapes, each as often as a draw says: what is slow is asked for less often than what is fast."""
    random = Random(f"{catalog.database}:list:{seed}")
    shapes = sorted(known, key=lambda one: one.fingerprint)
    count = max(min(FEWEST, len(shapes)), round(random.uniform(*KEPT) * len(shapes)))
    written = random.choice(WRITTEN_MORE)
    taken = []
    for shape in random.sample(shapes, count):
        often = random.lognormvariate(6.0, 1.6) / max(1.0, (shape.p50_us / 5_000) ** 0.5)
        often *= written if shape.kind != "select" else 1.0
        if runs := round(often * DAYS):
            taken.append(as_often(shape, runs))
    return request(catalog, taken, f"{catalog.database}-{seed}", full=random.random() < FULL_COVERAGE)


def as_often(shape: WorkloadShape, runs: int) -> WorkloadShape:
    return shape.model_copy(
        update={"count": runs, "rows": shape.rows * runs, "total_us": shape.p50_us * runs, "sampled": 1}
    )


def request(
    catalog: CatalogSnapshot, workload: Iterable[WorkloadShape], analysis_id: str, *, full: bool
) -> AnalysisRequest:
    """`full` declares that the log shows every use. Times are those of the catalog."""
    since = catalog.time - timedelta(days=DAYS)
    coverage = Coverage(full=full, since=since if full else None)
    return AnalysisRequest(
        product=catalog.product,
        database=catalog.database,
        instance=catalog.instance,
        event_id=analysis_id,
        time=catalog.time,
        analysis_id=analysis_id,
        revision=1,
        epoch=0,
        reason="distilled",
        catalog=catalog.model_copy(update={"coverage": coverage}),
        window_start=since,
        window_end=catalog.time,
        budget_s=BUDGET_S,
        usage=Usage(since=since, named=[], doubt="" if full else "that the log shows every use is not declared"),
        workload=sorted(workload, key=lambda one: (-one.total_us, one.fingerprint)),
    )
