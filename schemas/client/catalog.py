"""What a database looks like, read from DuckDB's own catalog functions: no data but the values of ENUMs."""

import hashlib
import hmac
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from typing import Any

import duckdb

from ..definition import plain
from ..fingerprint import shape
from ..lexer import Token, tokens
from ..quoting import unquoted
from ..records import Column, Constraint, Index, Table
from ..render import Name
from .versions import VERSION

SETTINGS = (
    "threads memory_limit max_temp_directory_size preserve_insertion_order default_order default_null_order "
    "default_collation TimeZone Calendar checkpoint_threshold disabled_optimizers dynamic_or_filter_threshold "
    "enable_external_access enable_object_cache enable_external_file_cache ieee_floating_point_ops "
    "index_scan_max_count index_scan_percentage integer_division late_materialization_max_rows lock_configuration "
    "merge_join_threshold nested_loop_join_threshold old_implicit_casting order_by_non_integer_literal "
    "ordered_aggregate_threshold perfect_ht_threshold prefer_range_joins scalar_subquery_error_on_multiple_rows "
    "storage_compatibility_version"
).split()
"""Those that change how fast a query is or what it returns. None of them can hold a secret or a path."""

PRIVATE = "[private]"
"""In a column's comment: what is in it is left out of clones, and what is compared with it is not kept."""
MOST_ENUM_VALUES = 1_000
_ENUM_VALUE = re.compile(r"'((?:[^']|'')*)'")


@dataclass(frozen=True, slots=True)
class Place:
    """The database that a connection is on."""

    database: str
    file: str | None
    """None for a database in memory."""
    read_only: bool
    type: str
    encrypted: bool
    storage_version: str | None
    """The oldest DuckDB that reads the file, such as v1.2.0."""

    @property
    def access_mode(self) -> str:
        return "memory" if self.file is None else "read_only" if self.read_only else "read_write"

    @property
    def file_bytes(self) -> int:
        """0 in memory, and where the file is gone."""
        try:
            return os.path.getsize(self.file or "")
        except OSError:
            return 0

    def file_id(self, salt: bytes) -> str:
        """Another one once the file was replaced; empty in memory, and where the file is gone."""
        try:
            state = os.stat(self.file or "")
        except OSError:
            return ""
        identity = f"{self.file}:{state.st_dev}:{state.st_ino}"
        return hmac.digest(salt, identity.encode(), "sha256").hex()[:32]


def place_of(connection: duckdb.DuckDBPyConnection) -> Place:
    encrypted = "encrypted" if VERSION >= (1, 4) else "false"
    [(name, file, read_only, kind, is_encrypted, tags)] = connection.execute(
        f"SELECT database_name, path, readonly, type, {encrypted}, tags FROM duckdb_databases() "  # noqa: S608
        "WHERE database_name = current_database()"
    ).fetchall()
    version = re.match(r"v[\d.]*\d", tags.get("storage_version", ""))
    return Place(name, file, read_only, kind, is_encrypted, version[0] if version else None)


def settings(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """As a new connection has them, without those that this version of DuckDB lacks."""
    found = connection.execute(
        "SELECT name, value FROM duckdb_settings() WHERE list_contains(?, name) AND value <> '' ORDER BY name",
        [SETTINGS],
    ).fetchall()
    return dict(found)


def structure(connection: duckdb.DuckDBPyConnection, database: str) -> list[Table]:
    """Tables and views in the order of their names. Of figures there is `rows` alone, as DuckDB estimates it."""

    def read(function: str, columns: str, condition: str = "true") -> list[tuple[Any, ...]]:
        return connection.execute(
            f"SELECT schema_name, {columns} FROM {function}() WHERE database_name = ? AND {condition}",  # noqa: S608
            [database],
        ).fetchall()

    lasting = "NOT internal AND NOT temporary"
    tables = {
        (schema, name): more
        for schema, name, *more in read("duckdb_tables", "table_name, sql, estimated_size", lasting)
    }
    views = {(schema, name): sql for schema, name, sql in read("duckdb_views", "view_name, sql", lasting)}
    generated = {name: generated_columns(sql) for name, (sql, _) in tables.items()}

    columns: defaultdict[Name, list[Column]] = defaultdict(list)
    of_column = "table_name, column_name, data_type, is_nullable, column_default IS NOT NULL, column_index"
    for schema, table, name, kind, nullable, default, _ in sorted(
        read("duckdb_columns", of_column, "NOT internal"), key=itemgetter(-1)
    ):
        is_generated = name in generated.get((schema, table), ())
        columns[schema, table].append(
            Column(
                name=name,
                type="ENUM" if kind.startswith("ENUM(") else kind,
                nullable=nullable,
                has_default=default and not is_generated,
                generated=is_generated,
                enum_values=_enum_values(kind),
            )
        )

    constraints: defaultdict[Name, list[Constraint]] = defaultdict(list)
    of_constraint = "table_name, constraint_type, constraint_column_names, referenced_table, referenced_column_names"
    for schema, table, kind, names, references, referenced in read("duckdb_constraints", of_constraint):
        constraint = Constraint(
            kind=kind.lower(),
            columns=list(dict.fromkeys(names)),
            references=references,
            referenced_columns=referenced or [],
        )
        constraints[schema, table].append(constraint)

    indexes: defaultdict[Name, list[Index]] = defaultdict(list)
    for schema, table, name, unique, sql in read("duckdb_indexes", "table_name, index_name, is_unique, sql"):
        if sql is not None:
            keys, expression = _index_keys(sql, [column.name for column in columns[schema, table]])
            indexes[schema, table].append(Index(name=name, columns=keys, unique=unique, expression=expression))

    def whole(place: Name, kind: str, rows: int, statement: str | None) -> Table:
        schema, name = place
        return Table(
            schema_name=schema,
            name=name,
            kind=kind,
            rows=rows,
            bytes=0,
            row_groups=0,
            columns=columns[place],
            constraints=sorted(constraints[place], key=lambda one: (one.kind, one.columns)),
            indexes=sorted(indexes[place], key=lambda one: one.name),
            statement=statement,
        )

    found = [whole(name, "table", rows, None) for name, (_, rows) in tables.items()]
    found += [whole(name, "view", 0, view_body(sql)) for name, sql in views.items()]
    return sorted(found, key=lambda one: (one.schema_name, one.name))


def routines(connection: duckdb.DuckDBPyConnection, database: str) -> list[str]:
    """What macros and triggers do, without literals: they use what no statement has to name."""
    return sorted({shape(text).text for _, _, text in definitions(connection, database)})


def definitions(connection: duckdb.DuckDBPyConnection, database: str) -> list[tuple[str, str, str]]:
    """Of macros and triggers, in the order of their names: which of both it is, its name and its text as it is."""
    found = connection.execute(
        "SELECT 'macro', function_name, macro_definition FROM duckdb_functions() WHERE database_name = ? "
        "AND NOT internal AND function_type IN ('macro', 'table_macro')",
        [database],
    ).fetchall()
    if VERSION >= (2, 0):
        found += connection.execute(
            "SELECT 'trigger', trigger_name, sql FROM duckdb_triggers() WHERE database_name = ?", [database]
        ).fetchall()
    return sorted(found)


def index_comments(connection: duckdb.DuckDBPyConnection, database: str) -> dict[Name, str | None]:
    """Of all indexes, by their schemas and names. They stay with the product, as all comments do."""
    found = connection.execute(
        "SELECT schema_name, index_name, comment FROM duckdb_indexes() WHERE database_name = ?", [database]
    ).fetchall()
    return {(schema, name): comment for schema, name, comment in found}


def private_columns(connection: duckdb.DuckDBPyConnection, database: str) -> dict[Name, set[str]]:
    """Those whose comment holds `PRIVATE`, by their tables."""
    found: defaultdict[Name, set[str]] = defaultdict(set)
    for schema, table, column in connection.execute(
        "SELECT schema_name, table_name, column_name FROM duckdb_columns() "
        "WHERE database_name = ? AND contains(lower(comment), ?)",
        [database, PRIVATE],
    ).fetchall():
        found[schema, table].add(column)
    return dict(found)


def private_names(connection: duckdb.DuckDBPyConnection, database: str) -> set[str]:
    """Of the private columns of all tables, in lower case, as statements are searched for them."""
    return {column.lower() for columns in private_columns(connection, database).values() for column in columns}


def catalog_hash(tables: Iterable[Table]) -> str:
    """Of the structure: figures do not change it, nor do external files."""
    own = (plain(table) for table in tables if table.kind != "file")
    return hashlib.sha256(json.dumps(list(own), sort_keys=True).encode()).hexdigest()[:32]


def generated_columns(sql: str) -> set[str]:
    """Those of a CREATE TABLE that DuckDB computes. Before 2.0 only the text tells them from a default."""
    return {
        unquoted(element[0][0])
        for element in _elements(sql)
        if any(_words(element[at : at + 3]) == ["GENERATED", "ALWAYS", "AS"] for at in range(1, len(element)))
    }


def view_body(sql: str) -> str:
    """What a CREATE VIEW selects, without literals."""
    text = shape(sql).text
    head = re.match(r'CREATE VIEW ("(?:[^"]|"")*"|[^"\s(])+ *(\(("(?:[^"]|"")*"|[^")])*\))? AS ', text, re.IGNORECASE)
    return text[head.end() :] if head else text


def _enum_values(kind: str) -> list[str]:
    if not kind.startswith("ENUM("):
        return []
    return [value.replace("''", "'") for value in _ENUM_VALUE.findall(kind)[:MOST_ENUM_VALUES]]


def _index_keys(sql: str, columns: Sequence[str]) -> tuple[list[str], bool]:
    """The columns that a CREATE INDEX names, and whether it computes something of them."""
    keys: list[str] = []
    expression = False
    for element in _elements(sql):
        words = [unquoted(word) for word, *_ in element if word]
        keys += [word for word in words if word in columns]
        expression = expression or len(element) != 1
    words = _words(tokens(sql))
    # another kind of index could not be made again from its columns
    other = "WITH" in words or any(one == "USING" and after != "ART" for one, after in pairwise(words))
    return list(dict.fromkeys(keys)), expression or other


def _elements(sql: str) -> Iterator[list[Token]]:
    """What stands between the commas of the text's first parenthesis."""
    depth = 0
    element: list[Token] = []
    for token in tokens(sql):
        operator = token[1]
        if operator in ("(", "[", "{"):
            depth += 1
            if depth == 1:
                continue
        elif operator in (")", "]", "}"):
            depth -= 1
            if depth == 0:
                break
        if depth == 1 and operator == ",":
            yield element
            element = []
        elif depth:
            element.append(token)
    if element:
        yield element


def _words(found: Iterable[Token]) -> list[str]:
    return [word.upper() for word, *_ in found]
