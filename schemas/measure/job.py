"""What goes into a measurement and what comes out of it. Exemplars are data: a job never leaves its folder."""

from pathlib import Path

from pydantic import Field

from ..records import CandidateResult, Machine, MeasurementRequest
from ..records.base import Part

MIB = 1024**2
JOB, RESULT = "job.json", "result.json"
"""The names of their files in the folder of a measurement."""


class Exemplar(Part):
    """What `schemas.fingerprint.fill` takes: literals in the order of their placeholders, files by their salted ids."""

    literals: list[str] = Field(repr=False)
    files: dict[str, str] = Field(default={}, repr=False)


class CloneFacts(Part):
    """The clone belongs to the job: it is altered, replaced and removed.

    `database` is the name under which the product has it attached. `kind` is "full", "sample" or "snapshot"; `share`
    the part of the rows that is in it, `seconds` what making it took. `indexes` are the statements that make the
    product's own secondary indexes, where the clone lacks them.
    """

    file: Path
    database: str
    kind: str
    share: float = 1.0
    rows: int
    bytes: int
    seconds: float
    indexes: list[str] = []


class Limits(Part):
    """`memory_bytes` is the address space of the process, `free_bytes` what must stay free on the disk.

    `query_s` is for one run of one statement, `file_bytes` for the copies of all external files together.
    """

    threads: int = Field(default=1024, ge=1)
    memory_bytes: int = Field(default=4096 * MIB, ge=256 * MIB)
    free_bytes: int = Field(default=1024 * MIB, ge=0)
    query_s: float = Field(default=10.0, gt=0)
    file_bytes: int = Field(default=512 * MIB, ge=0)


class Job(Part):
    """`settings` are those of the product's DuckDB, `exemplars` by fingerprint.

    `not_measurable` holds fingerprints that are known to be so, with the reason.
    """

    request: MeasurementRequest
    exemplars: dict[str, list[Exemplar]]
    clone: CloneFacts
    settings: dict[str, str] = {}
    limits: Limits = Limits()
    not_measurable: dict[str, str] = {}


class Outcome(Part):
    """The product's side of a Measurement. `error` is set where it ended early; what was finished is in it."""

    machine: Machine
    measured_s: float
    error: str | None
    results: list[CandidateResult]
    not_measurable: dict[str, str]

    def save(self, folder: Path) -> None:
        """Whole or not at all, whenever the process is killed."""
        fresh = folder / f"{RESULT}.new"
        fresh.write_text(self.model_dump_json())
        fresh.replace(folder / RESULT)
