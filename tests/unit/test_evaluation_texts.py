"""The texts of the evaluation have the shape that their README promises, and no two say the same in the same words."""

import re
from collections.abc import Iterator
from itertools import combinations

import pytest

from inference.evaluation.texts import FOLDER, Domain, domains
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
each_domain = pytest.mark.parametrize("domain", domains(), ids=lambda domain: domain.domain)


def operations(domain: Domain) -> Iterator[tuple[str, Operation]]:
    for request in domain.requests:
        yield from ((request.id, operation) for operation in request.operations)


def names(operation: Operation) -> tuple[str, ...]:
    return (operation.table, *operation.columns)


def grams(text: str) -> set[tuple[str, ...]]:
    """Runs of three words; a shorter text is one run."""
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[start : start + 3]) for start in range(max(1, len(words) - 2))}


def alike(one: set[tuple[str, ...]], other: set[tuple[str, ...]]) -> float:
    return len(one & other) / len(one | other)


def test_every_file_is_read_under_its_own_name() -> None:
    assert [domain.domain for domain in domains()] == sorted(file.stem for file in FOLDER.iterdir())


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
    unanswerable = sum(not request.operations for request in domain.requests)
    assert 0.30 <= unanswerable / len(domain.requests) <= 0.37


def test_a_good_third_of_the_answerable_requests_name_nothing_as_the_catalog_does() -> None:
    answerable = [request for domain in domains() for request in domain.requests if request.operations]
    named = [
        any(re.search(rf"\b{name}\b", request.text, re.IGNORECASE) for one in request.operations for name in names(one))
        for request in answerable
    ]
    assert named.count(False) / len(answerable) >= 1 / 3


def test_there_are_as_many_as_the_readme_says() -> None:
    assert len(domains()) == 16
    assert sum(len(domain.requests) for domain in domains()) == 300
    assert sum(len(domain.rejections) for domain in domains()) == 100


@pytest.mark.parametrize("folder", ["distill", "language"])
def test_what_trains_or_reads_does_not_know_the_texts(folder: str) -> None:
    files = list((FOLDER.parents[1] / folder).rglob("*.py"))
    assert files
    assert [
        file.name for file in files if re.search(r"evaluation[./]texts|evaluation import .*texts", file.read_text())
    ] == []


def test_ids_are_unique_and_begin_with_their_domain() -> None:
    ids = [(domain.domain, text.id) for domain in domains() for text in (*domain.requests, *domain.rejections)]
    assert len({id_ for _, id_ in ids}) == len(ids)
    assert [id_ for name, id_ in ids if not re.fullmatch(rf"{name}-r?\d+", id_)] == []


def test_no_two_texts_are_nearly_the_same() -> None:
    texts = {text.id: grams(text.text) for domain in domains() for text in (*domain.requests, *domain.rejections)}
    twins = [(one, other) for one, other in combinations(texts, 2) if alike(texts[one], texts[other]) >= 0.5]
    assert twins == []


def test_texts_that_share_half_of_their_runs_of_words_count_as_nearly_the_same() -> None:
    assert alike(grams("sort the readings by meter"), grams("Sort the readings by day.")) == 2 / 4
    assert alike(grams("nope"), grams("Nope!")) == 1


def test_every_kind_and_every_reason_appears() -> None:
    assert {operation.kind for domain in domains() for _, operation in operations(domain)} == set(KINDS)
    assert {rejection.reason for domain in domains() for rejection in domain.rejections} == set(REASONS)
