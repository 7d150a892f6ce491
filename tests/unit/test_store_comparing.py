"""What two knowledge files are said to differ in."""

from pathlib import Path

import duckdb
import pytest

from store.comparing import differences


@pytest.fixture
def one(tmp_path: Path) -> Path:
    return tmp_path / "one.duckdb"


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return tmp_path / "other.duckdb"


def make(path: Path, *statements: str) -> None:
    with duckdb.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)


def test_rows_are_counted_as_often_as_they_are_there(one: Path, other: Path) -> None:
    make(one, "CREATE TABLE a AS FROM (VALUES (1), (1), (2)) t(x)", "CREATE TABLE b AS SELECT 1 AS x")
    make(other, "CREATE TABLE a AS FROM (VALUES (1), (3), (4)) t(x)", "CREATE TABLE b AS SELECT 1 AS x")
    assert differences(one, other) == {"a": (2, 2)}


def test_a_table_that_one_file_lacks_is_a_difference_even_without_rows(one: Path, other: Path) -> None:
    make(one, "CREATE TABLE a AS SELECT 1 AS x", 'CREATE TABLE "b b" AS FROM range(3) t(x)')
    make(other, "CREATE TABLE a AS SELECT 1 AS x", "CREATE TABLE c (x INTEGER)")
    assert differences(one, other) == {"b b": (3, None), "c": (None, 0)}
