"""What is known of one database after it was labelled, and its file: one Parquet file a database, whole or not there.

A change is what a candidate does in the database; nothing, for one that only rewrites. A pair is one query before and
after a change, with the text that it has then. Candidates are put together from these, whatever the list they are in.
Nothing is rounded to zero in it: `Pair.saved` does that for whoever reads.
"""

import hashlib
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Self

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.actions import Body, Rewrite, actions_hash, pack, unpack
from schemas.measure.equality import UNKNOWN
from schemas.measure.verdict import AA_HIGH, AA_LOW
from schemas.records import Candidate, CatalogSnapshot, WorkloadShape
from schemas.records.base import Part

SUFFIX = ".parquet"
WRITE = "write"


class KnownShape(Part):
    """`rows_scanned`, `row_groups` and `intermediate_bytes` are the work of one run: features, never labels."""

    template: str
    fingerprint: str
    statement: str
    kind: str
    p50_us: int
    p95_us: int
    rows: int
    rows_scanned: int
    row_groups: int
    intermediate_bytes: int

    def once(self) -> WorkloadShape:
        return WorkloadShape(
            fingerprint=self.fingerprint,
            statement=self.statement,
            kind=self.kind,
            count=1,
            errors=0,
            rows=self.rows,
            total_us=self.p50_us,
            p50_us=self.p50_us,
            p95_us=self.p95_us,
            sampled=1,
            rows_scanned=self.rows_scanned,
        )


class Change(Part):
    """`rule` is the one that proposed it first, `kinds` those of its actions: "rewrite" where the database stays.

    `problem` says why it could not be tried, and is empty where it was.
    """

    change_id: str
    rule: str
    kinds: str
    build_s: float
    extra_bytes: int
    peak_bytes: int
    problem: str


class Pair(Part):
    """`change` and `shape` are places in their lists, `text` the id of what the query became, empty where it stayed.

    `before_ms` and `after_ms` are medians, `speedup` that of before / after with its interval over `k` rounds, `glance`
    that of the first rounds together, as many as a first look takes, or 1 for a write, which it does not look at, and
    `aa_low` and `aa_high` bound the same for the unchanged query against itself. `equal` compares the results, and is
    "write" for a write, of which `aa_low` and `aa_high` come from a replay on two identical copies.
    """

    change: int
    shape: int
    text: str
    before_ms: float
    after_ms: float
    speedup: float
    low: float
    high: float
    aa_low: float
    aa_high: float
    k: int
    glance: float
    equal: str
    problem: str

    @classmethod
    def failed(cls, *, change: int, shape: int, text: str, problem: str) -> Self:
        """Of a query that cannot be run after the change."""
        return cls(change=change, shape=shape, text=text, before_ms=0.0, after_ms=0.0, speedup=1.0, low=1.0, high=1.0,
                   aa_low=1.0, aa_high=1.0, k=0, glance=1.0, equal=UNKNOWN, problem=problem)  # fmt: skip

    @property
    def saved(self) -> float:
        """The share of a run's time, negative where it loses; 0 inside the band in which the query differs from itself,
        and where the interval holds 1.
        """
        inside = min(AA_LOW, self.aa_low) <= self.speedup <= max(AA_HIGH, self.aa_high)
        return 0.0 if inside or self.low <= 1 <= self.high else 1 - 1 / self.speedup


class Labels(Part):
    """Of one database. `lists` were drawn to know what to try, of which `unmeasured` changes did not get their turn.

    `catalog` is a CatalogSnapshot as JSON, `versions` and `machine` are in words.
    """

    database: str
    domain: str
    split: Literal["train", "validation", "test"]
    seed: int
    rows: int
    lists: int
    unmeasured: int
    versions: str
    machine: str
    seconds: float
    catalog: str
    shapes: list[KnownShape]
    changes: list[Change]
    pairs: list[Pair]

    def snapshot(self) -> CatalogSnapshot:
        return CatalogSnapshot.model_validate_json(self.catalog)

    def save(self, folder: Path) -> Path:
        file = folder / f"{self.database}{SUFFIX}"
        fresh = file.with_suffix(".new")
        pq.write_table(
            pa.Table.from_pylist([self.model_dump()], arrow_schema(Labels)), fresh, compression="zstd",
            compression_level=19,
        )  # fmt: skip
        fresh.replace(file)
        return file

    @classmethod
    def load(cls, file: Path) -> Self:
        [found] = pq.read_table(file).to_pylist()
        return cls.model_validate(found)


def arrow_schema(model: type[Part]) -> pa.Schema:
    return pa.schema(list(_fields(model)))


def _fields(model: type[Part]) -> Iterable[pa.Field]:
    for name, field in model.model_fields.items():
        yield pa.field(name, _arrow(field.annotation), nullable=False)


def _arrow(annotation: object) -> pa.DataType:
    match typing.get_origin(annotation), typing.get_args(annotation):
        case origin, [item] if origin is list:
            return pa.list_(_arrow(item))
        case origin, _ if origin is Literal:
            return pa.string()
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return pa.struct(list(_fields(annotation)))
    return {str: pa.string(), int: pa.int64(), float: pa.float64()}[typing.cast("type", annotation)]


class Parts(typing.NamedTuple):
    """A candidate's change and rewritten texts by fingerprint."""

    change_id: str
    in_database: list[Body]
    texts: dict[str, str]


def parts_of(candidate: Candidate) -> Parts:
    bodies = [unpack(action) for action in candidate.actions]
    rest = [body for body in bodies if not isinstance(body, Rewrite)]
    texts = {body.fingerprint: body.statement for body in bodies if isinstance(body, Rewrite)}
    return Parts(actions_hash([pack(body) for body in rest])[:16], rest, texts)


def text_id(statement: str) -> str:
    """Empty for a query that stays as it is."""
    return hashlib.sha256(statement.encode()).hexdigest()[:16] if statement else ""
