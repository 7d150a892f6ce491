"""Every rewrite is what its golden file says, and returns the same as its original on random data."""

import importlib
import re
from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from inference.advisor.rule import Rule
from inference.advisor.rules import REWRITINGS, RULES
from schemas.actions import Rewrite, unpack
from schemas.fingerprint import fill
from schemas.records import Candidate
from schemas.render import by_name, render
from tests.advising import workload
from tests.golden.pairs import CREATE, TABLES, Pair, data, literals, load, pairs, returned

GOLDEN = list(pairs("rewrites"))
NEAR_MISSES = list(pairs("near_misses"))
DEFINITIONS = by_name(TABLES)


def rule_of(pair: Pair) -> Rule:
    module = importlib.import_module(f"inference.advisor.rules.{pair.name.partition('/')[0]}")
    return next((one.rule() for one in REWRITINGS if one is getattr(module, "REWRITING", None)), None) or module.RULE


@pytest.mark.parametrize("pair", GOLDEN, ids=lambda pair: pair.name)
def test_the_rule_makes_of_it_what_the_file_says(pair: Pair) -> None:
    given = workload(TABLES, pair.originals, catalog_duckdb_version=pair.version)
    assert given.unreadable == {}
    assert all(query.is_faithful for query in given.reads)
    candidates = [one.found for one in rule_of(pair).propose(given) if isinstance(one.found, Candidate)]
    if pair.expected is None:
        assert candidates == []
        return
    [candidate] = candidates
    bodies = [unpack(action) for action in candidate.actions]
    rewrites = {body.fingerprint: body.statement for body in bodies if isinstance(body, Rewrite)}
    assert [rewrites[shape.id] for shape in pair.shapes()] == list(pair.expected)
    built = [sql for body in bodies if not isinstance(body, Rewrite) for sql in render(body, DEFINITIONS)]
    assert built == list(pair.create)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": "1"}) as connection:
        connection.execute(CREATE)
        yield connection


def run(connection: duckdb.DuckDBPyConnection, pair: Pair, examples: int) -> None:
    """Raises: AssertionError where some data tells original and rewritten apart."""

    @settings(
        max_examples=examples,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(data(pair.not_null), st.data())
    def compare(rows: dict[str, list[tuple[object, ...]]], draw: st.DataObject) -> None:
        given = [draw.draw(literals(pair, number)) for number in range(len(pair.originals))]
        originals = [shape.text for shape in pair.shapes()]
        connection.execute("BEGIN")
        try:
            load(connection, rows)
            before = [returned(connection, fill(*filled)) for filled in zip(originals, given, strict=True)]
            for statement in pair.create:
                if statement not in ("BEGIN TRANSACTION", "COMMIT"):
                    connection.execute(statement)
            after = [returned(connection, fill(*filled)) for filled in zip(pair.expected or (), given, strict=True)]
        finally:
            connection.execute("ROLLBACK")
        assert after == before, given

    compare()


@pytest.mark.parametrize("pair", [pair for pair in GOLDEN if pair.expected], ids=lambda pair: pair.name)
def test_it_returns_the_same_on_any_data(connection: duckdb.DuckDBPyConnection, pair: Pair) -> None:
    run(connection, pair, examples=20)


@pytest.mark.parametrize("pair", NEAR_MISSES, ids=lambda pair: pair.name)
def test_a_rewrite_that_is_almost_right_is_told_apart(connection: duckdb.DuckDBPyConnection, pair: Pair) -> None:
    with pytest.raises(AssertionError):
        run(connection, pair, examples=400)


def test_every_rule_that_rewrites_has_golden_pairs_for_both_answers() -> None:
    rules = {"summary_table"} | {one.transform.__module__.rpartition(".")[2] for one in REWRITINGS}
    for rule in rules:
        answers = {pair.expected is None for pair in GOLDEN if pair.name.startswith(f"{rule}/")}
        assert answers == {True, False}, rule
    assert len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_says_what_was_measured_and_on_which_duckdb(rule: Rule) -> None:
    of_rewrite = next((one.transform.__module__ for one in REWRITINGS if one.name == rule.name), None)
    doc = importlib.import_module(of_rewrite or rule.search.__module__).__doc__ or ""
    if rule.name != "several rewrites":
        assert re.search(r"\d(\.\d+)?x", doc)
        assert re.search(r"(DuckDB |on )\d\.\d", doc)
