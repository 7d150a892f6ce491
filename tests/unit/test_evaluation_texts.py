"""Texts of the evaluation and of validation have the shape that is promised, and no two say the same in one way."""

import re
from collections.abc import Iterator, Sequence
from itertools import combinations
from types import ModuleType

import pytest

from inference.distill import held_back
from inference.evaluation import texts
from inference.evaluation.texts import FOLDER
from inference.evaluation.written import Domain
from inference.language.reading import KINDS, REASONS, Kind, Operation

COLUMNS: dict[Kind, range] = {
    "look_into": range(4),
    "create_index": range(1, 4),
    "cluster": range(1, 4),
    "create_summary": range(1, 6),
    "change_type": range(1, 2),
    "add_column": range(1, 4),
    "drop_column": range(1, 2),
    "drop_table": range(1),
    "drop_index": range(1, 4),
}
SETS = {"evaluation": texts.domains(), "validation": held_back.domains()}
ALL = [domain for domains in SETS.values() for domain in domains]
each_domain = pytest.mark.parametrize("domain", ALL, ids=lambda domain: domain.domain)
each_set = pytest.mark.parametrize("domains", SETS.values(), ids=SETS)


def operations(domain: Domain) -> Iterator[tuple[str, Operation]]:
    for request in domain.requests:
        yield from ((request.id, operation) for operation in request.operations)


def names(operation: Operation) -> tuple[str, ...]:
    return (operation.table, *operation.columns)


def grams(text: str, length: int = 3) -> set[tuple[str, ...]]:
    """Runs of so many words; a shorter text is one run."""
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[start : start + length]) for start in range(max(1, len(words) - length + 1))}


def alike(one: set[tuple[str, ...]], other: set[tuple[str, ...]]) -> float:
    return len(one & other) / len(one | other)


@pytest.mark.parametrize("of", [texts, held_back])
def test_every_file_is_read_under_its_own_name(of: ModuleType) -> None:
    assert [domain.domain for domain in of.domains()] == sorted(file.stem for file in of.FOLDER.iterdir())


@each_domain
def test_every_label_names_tables_and_columns_that_are_there(domain: Domain) -> None:
    catalog = {table.name: {name for name, _ in table.columns} for table in domain.tables}
    wrong = [
        (id_, operation)
        for id_, operation in operations(domain)
        if operation.table not in catalog or not set(operation.columns) <= catalog[operation.table]
    ]
    assert wrong == []


@each_domain
def test_an_operation_has_as_many_columns_as_its_kind_takes_each_once(domain: Domain) -> None:
    wrong = [
        (id_, operation)
        for id_, operation in operations(domain)
        if len(operation.columns) not in COLUMNS[operation.kind] or len(set(operation.columns)) < len(operation.columns)
    ]
    assert wrong == []
    assert [request.id for request in domain.requests if len(request.operations) > 2] == []


@each_domain
def test_a_catalog_has_the_size_of_a_real_one_and_no_name_twice(domain: Domain) -> None:
    names = [table.name for table in domain.tables]
    assert 5 <= len(set(names)) == len(names) <= 9
    for table in domain.tables:
        assert 5 <= len(dict(table.columns)) == len(table.columns) <= 14, table.name
        assert table.rows > 0


@each_domain
def test_a_third_of_the_requests_cannot_be_answered(domain: Domain) -> None:
    """As near as whole numbers are."""
    unanswerable = sum(not request.operations for request in domain.requests)
    assert abs(3 * unanswerable - len(domain.requests)) <= 2


@each_set
def test_a_good_third_of_the_answerable_requests_name_nothing_as_the_catalog_does(domains: Sequence[Domain]) -> None:
    answerable = [request for domain in domains for request in domain.requests if request.operations]
    named = [
        any(re.search(rf"\b{name}\b", request.text, re.IGNORECASE) for one in request.operations for name in names(one))
        for request in answerable
    ]
    assert named.count(False) / len(answerable) >= 1 / 3


def test_there_are_as_many_as_the_readmes_say() -> None:
    assert [len(domains) for domains in SETS.values()] == [16, 12]
    assert [sum(len(one.requests) for one in domains) for domains in SETS.values()] == [300, 120]
    assert [sum(len(one.rejections) for one in domains) for domains in SETS.values()] == [100, 60]
    assert sum(not request.operations for one in held_back.domains() for request in one.requests) == 40


@pytest.mark.parametrize("folder", ["distill", "language"])
def test_what_trains_or_reads_does_not_know_the_texts(folder: str) -> None:
    files = list((FOLDER.parents[1] / folder).rglob("*.py"))
    assert files
    assert [
        file.name
        for file in files
        if re.search(r"evaluation[./](texts|proposals)|evaluation import .*(texts|proposals)", file.read_text())
    ] == []


def test_what_teaches_does_not_know_the_texts_for_validation() -> None:
    files = held_back.FOLDER.parent.glob("*.py")
    assert {file.name for file in files if re.search(r"import .*held_back", file.read_text())} <= {"examining.py"}


def test_ids_are_unique_and_begin_with_their_domain() -> None:
    ids = [(domain.domain, text.id) for domain in ALL for text in (*domain.requests, *domain.rejections)]
    assert len({id_ for _, id_ in ids}) == len(ids)
    assert [id_ for name, id_ in ids if not re.fullmatch(rf"{name}-r?\d+", id_)] == []


def test_no_two_texts_are_nearly_the_same() -> None:
    found = {text.id: grams(text.text) for domain in ALL for text in (*domain.requests, *domain.rejections)}
    twins = [(one, other) for one, other in combinations(found, 2) if alike(found[one], found[other]) >= 0.5]
    assert twins == []


def test_texts_that_share_half_of_their_runs_of_words_count_as_nearly_the_same() -> None:
    assert alike(grams("sort the readings by meter"), grams("Sort the readings by day.")) == 2 / 4
    assert alike(grams("nope"), grams("Nope!")) == 1


def test_no_text_of_validation_shares_half_of_its_runs_of_four_words_with_the_evaluation() -> None:
    judged = set[tuple[str, ...]]()
    for domain in texts.domains():
        judged = judged.union(*(grams(text.text, 4) for text in (*domain.requests, *domain.rejections)))
    near = [
        text.id
        for domain in held_back.domains()
        for text in (*domain.requests, *domain.rejections)
        if 2 * len((found := grams(text.text, 4)) & judged) >= len(found)
    ]
    assert near == []


@each_set
def test_every_kind_and_every_reason_appears(domains: Sequence[Domain]) -> None:
    assert {operation.kind for domain in domains for _, operation in operations(domain)} == set(KINDS)
    assert {rejection.reason for domain in domains for rejection in domain.rejections} == set(REASONS)
