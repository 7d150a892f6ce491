"""What a database looks like, without its data. ENUM values are the one exception."""

from datetime import datetime

from .base import Part, Record


class Column(Part):
    """`distinct` is an estimate, -1 where unknown. `holds` names what all sampled texts of a VARCHAR are.

    `holds` is "integer", "date", "timestamp", "uuid" or None. `ordered` is the share of sampled neighbours
    that are in ascending order, -1 where unknown (0.5 is no order, 1 is sorted).
    """

    name: str
    type: str
    nullable: bool
    has_default: bool = False
    generated: bool = False
    distinct: int = -1
    null_share: float = 0.0
    holds: str | None = None
    ordered: float = -1.0
    enum_values: list[str] = []


class Constraint(Part):
    """`kind` is "primary key", "unique", "foreign key", "check" or "not null"."""

    kind: str
    columns: list[str]
    references: str | None = None
    referenced_columns: list[str] = []


class Index(Part):
    name: str
    columns: list[str]
    unique: bool
    expression: bool = False


class Table(Part):
    """A table, a view or an external file. `kind` is "table", "view" or "file"; a file's name is its salted id.

    `bytes` is an estimate; `statement` is a view's stripped text.
    """

    schema_name: str
    name: str
    kind: str
    rows: int
    bytes: int
    row_groups: int
    columns: list[Column]
    constraints: list[Constraint] = []
    indexes: list[Index] = []
    statement: str | None = None


class Coverage(Part):
    """How much of the database's use the log shows: `full` only where the team declares it, since `since`."""

    full: bool = False
    since: datetime | None = None
    unseen: list[str] = []


class CatalogSnapshot(Record):
    """`catalog_hash` covers tables, columns, types, constraints, indexes and views, not counts or sizes.

    `as_code` says why a change has to be landed as code, and is empty where the product's process carries it out.
    `pinned` says that the product verifies people's approvals once more, by keys of its own. `routines` are the
    stripped texts of macros and triggers.
    """

    catalog_hash: str
    duckdb_version: str
    settings: dict[str, str]
    access_mode: str
    file_id: str
    file_bytes: int
    instances: int
    as_code: str = ""
    pinned: bool = False
    coverage: Coverage
    tables: list[Table]
    routines: list[str] = []
