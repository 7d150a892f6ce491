"""What all steps of one measurement share: the job, the files, A open to be read, and the time that is left."""

import time
from dataclasses import dataclass, field

import duckdb

from ..records import Candidate, CandidateResult, WorkloadShape
from .files import Copies
from .job import Job
from .queries import WRITES, Query, Side
from .workbench import Workbench


@dataclass(slots=True)
class Session:
    """`deadline_s` is of `time.monotonic`. `queries` and `not_measurable` are by fingerprint."""

    job: Job
    bench: Workbench
    copies: Copies
    before: Side
    deadline_s: float
    queries: dict[str, Query] = field(default_factory=dict)
    not_measurable: dict[str, str] = field(default_factory=dict)

    @property
    def left_s(self) -> float:
        return self.deadline_s - time.monotonic()

    @property
    def limit_s(self) -> float:
        """For one run of one statement."""
        return max(0.0, min(self.job.limits.query_s, self.left_s))

    def reopen(self, after: Side) -> None:
        """What was B is A from now on, with its texts and files."""
        self.before.sandbox.close()
        self.before = Side(self.bench.reading(self.bench.file), after.texts, after.files)

    def revive(self) -> None:
        """Opens A again where an error has made its instance unusable."""
        try:
            self.before.sandbox.rows("SELECT 1")
        except duckdb.Error:
            self.reopen(self.before)

    def read_by(self, candidate: Candidate) -> list[Query]:
        return [self.queries[one] for one in candidate.affected if one in self.queries]

    def gaining(self, candidate: Candidate) -> list[Query]:
        """Those that should become faster; all that it affects where it does not say which."""
        wanted = candidate.gaining or candidate.affected
        return [query for query in self.read_by(candidate) if query.fingerprint in wanted]

    def written_by(self, candidate: Candidate) -> list[WorkloadShape]:
        shapes = {shape.fingerprint: shape for shape in self.job.request.workload}
        found = [shapes[one] for one in dict.fromkeys(candidate.affected) if one in shapes]
        return [shape for shape in found if shape.kind in WRITES]


def unmeasured(candidate: Candidate, verdict: str, reason: str, stage: str = "screened") -> CandidateResult:
    """Without figures."""
    return CandidateResult(
        candidate_id=candidate.candidate_id,
        stage=stage,
        verdict=verdict,
        reason=reason,
        order=0,
        queries=[],
        speedup=1.0,
        low=1.0,
        high=1.0,
        build_s=0.0,
        extra_bytes=0,
        peak_bytes=0,
        write_ratio=1.0,
        write_low=1.0,
        write_high=1.0,
        writes=0,
    )
