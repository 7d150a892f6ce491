"""The texts that the language student is taught on: from seeds, of domains and phrases that do not meet the tests'."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import combinations

import pytest

from inference.distill import contracts, held_back, invented, phrases, referring
from inference.distill.contracts import Verdict, Wanted, verdict
from inference.distill.dressing import disguised, dressed
from inference.distill.proposals import proposed
from inference.distill.rejections import rejection
from inference.distill.requests import UNANSWERABLE, WHYS, Request, batch
from inference.distill.seeds import random_of
from inference.evaluation.texts import FOLDER
from inference.evaluation.texts import domains as of_the_test
from inference.evaluation.written import Domain
from inference.language.choosing import Layout, choices
from inference.language.letters import plain
from inference.language.proposal import Contract
from inference.language.reading import COLUMNS, KINDS, REASONS

SPLITS = ("train", "validation")
BATCHES = {split: [batch(split, f"test:{number}", 24) for number in range(60)] for split in SPLITS}
ASKED: dict[str, list[Request]] = {split: [one for made in BATCHES[split] for one in made.requests] for split in SPLITS}


def test_the_same_seed_gives_the_same_texts_and_another_one_others() -> None:
    assert batch("train", "7", 20) == batch("train", "7", 20) != batch("train", "8", 20)
    made = [rejection("train", random_of(seed)) for seed in ("7", "7", "8")]
    assert made[0] == made[1] != made[2]
    assert proposed("train", random_of("7")) == proposed("train", random_of("7")) != proposed("train", random_of("8"))


def test_domains_of_training_of_validation_and_of_the_test_have_nothing_in_common() -> None:
    names = {split: set(invented.domains(split)) for split in SPLITS}
    assert [len(names[split]) for split in SPLITS] == [24, 5]
    names["written"] = {file.stem for file in held_back.FOLDER.glob("*.json")}
    names["test"] = {file.stem for file in FOLDER.glob("*.json")}
    assert (len(names["written"]), len(names["test"])) == (12, 16)
    parts = {split: {part for name in of for part in name.split("_")} for split, of in names.items()}
    assert [(one, other) for one, other in combinations(parts, 2) if parts[one] & parts[other]] == []
    tables = {split: {table.name for of in invented.domains(split).values() for table in of} for split in SPLITS}
    assert len(tables["train"] & tables["validation"]) == 0


@pytest.mark.parametrize("domains", [of_the_test(), held_back.domains()], ids=["evaluation", "validation"])
def test_no_text_that_was_written_singly_is_nearly_one_that_is_taught(domains: Sequence[Domain]) -> None:
    """Of none are half of its runs of four words taught. This test knows the texts; who wrote the grammar did not."""

    def runs(text: str) -> set[tuple[str, ...]]:
        words = re.findall(r"[^\W_]+", text.lower())
        return {tuple(words[start : start + 4]) for start in range(len(words) - 3)}

    random = random_of("runs")
    rejections = [rejection("train", random).text for _ in range(2_000)]
    taught = set[tuple[str, ...]]().union(*map(runs, [*(one.text for one in ASKED["train"]), *rejections]))
    texts = [one.text for domain in domains for one in (*domain.requests, *domain.rejections)]
    assert sum(2 * len(runs(text) & taught) >= len(runs(text)) > 0 for text in texts) == 0


@pytest.mark.parametrize("split", SPLITS)
def test_operations_name_what_the_catalog_has_and_can_be_chosen(split: str) -> None:
    for made in BATCHES[split]:
        for one in made.requests:
            row = list(choices(Layout(made.tables), one.operations))
            assert len(row) >= 1
            for operation in one.operations:
                least, most = COLUMNS[operation.kind]
                assert least <= len(operation.columns) <= most
            assert (one.why is None) == bool(one.operations)


@pytest.mark.parametrize("split", SPLITS)
def test_a_third_has_no_answer_and_all_kinds_and_reasons_of_it_are_there(split: str) -> None:
    whys = Counter(one.why for one in ASKED[split])
    assert abs(1 - whys[None] / len(ASKED[split]) - UNANSWERABLE) < 0.05
    assert set(whys) == {None, *WHYS}
    assert {operation.kind for one in ASKED[split] for operation in one.operations} == set(KINDS)
    assert 0.04 < sum(len(one.operations) == 2 for one in ASKED[split]) / len(ASKED[split]) < 0.14
    assert all(one.text.strip() for one in ASKED[split])
    assert not any(re.search(r"[{}|]\w|\{", one.text) for one in ASKED[split]), "a slot was left"


def test_what_is_summed_by_time_is_grouped_by_the_one_time_that_there_is() -> None:
    tables = {(made.domain, made.tables, table.name): dict(table.columns) for made in BATCHES["train"]
              for table in made.tables}  # fmt: skip
    found = [
        tables[made.domain, made.tables, operation.table][name] in invented.TIMES
        for made in BATCHES["train"]
        for one in made.requests
        if re.match(r"(have|keep|we need|i need|we want|i want)? ?(daily|weekly|monthly|hourly)", one.text.lower())
        for operation in one.operations[:1]
        if operation.kind == "create_summary"
        for name in operation.columns
    ]
    assert sum(found) >= 3


def test_texts_are_hardly_ever_the_same() -> None:
    texts = Counter(one.text for one in ASKED["train"] if one.operations)
    assert sum(count - 1 for count in texts.values()) < 0.01 * len(texts)


IN_BOTH_SPLITS = {
    "operations": set[str](),
    "nothing": {"gibberish"},
    "around": {"second", "negated", "when", "long"},
    "rejections": set[str](),
    "proposals": {
        "add_column", "drop_column", "rename_column", "change_type", "share_column", "keeps", "at_once", "cost",
        "beside",
    },
}  # fmt: skip
"""Sections of so few lines that the validation of the grammar has those that are taught: of proposals all of them."""


@pytest.mark.parametrize("file", IN_BOTH_SPLITS)
def test_lines_that_are_held_back_are_not_taught_but_for_the_sections_that_are_named_here(file: str) -> None:
    train, validation = (phrases.lines(file, split) for split in SPLITS)
    assert set(train) == set(validation)
    assert {section for section in train if set(train[section]) & set(validation[section])} == IN_BOTH_SPLITS[file]
    for section in set(train) - IN_BOTH_SPLITS[file]:
        assert len(validation[section]) >= 2
    for section in IN_BOTH_SPLITS[file]:
        assert train[section] == validation[section]


def test_alternatives_are_chosen_and_brackets_that_are_meant_stay() -> None:
    line = r"(a|b(c|d)|) {t}\({c}\)"
    found = {
        phrases.filled(phrases.chosen(line, random_of(str(seed))), {"t": lambda: "T", "c": lambda: "C"})
        for seed in range(60)
    }
    assert found == {"a T(C)", "bc T(C)", "bd T(C)", "T(C)"}


def test_a_column_stands_alone_only_where_no_other_is_called_so() -> None:
    tables = invented.domains("train")["library"]
    loans = next(table for table in tables if table.name == "loans")
    by_name = {column.name: column for column in loans.columns}
    assert referring.is_alone(by_name["renewals"], loans, tables)
    assert not referring.is_alone(by_name["patron_id"], loans, tables)


def test_what_is_disguised_in_other_letters_is_read_as_what_it_seems() -> None:
    found = {plain(disguised("please drop a table", random_of(str(seed)))) for seed in range(30)}
    assert found == {"please drop a table", "pl34s3 dr0p 4 74bl3", "p l e a s e   d r o p   a   t a b l e"}


def test_dressing_keeps_most_letters() -> None:
    text = "please create an index on the customer number of orders"
    made = {dressed(text, random_of(str(seed))) for seed in range(200)}
    assert len(made) > 40
    assert all(abs(len(one) - len(text)) < 16 for one in made)


def test_each_reason_has_many_texts() -> None:
    random = random_of("many")
    made = [rejection("train", random) for _ in range(1_500)]
    assert {one.reason for one in made} == set(REASONS)
    for reason in REASONS:
        assert len({one.text for one in made if one.reason == reason}) > 60


CONTRACT = Contract(table="t", owner="us", promised=("a",), private=("b",), budget=50)


@pytest.mark.parametrize(
    ("contract", "asked", "wanted", "expected"),
    [
        ({}, "them", ("drop_column", "c", 0, False), ("refuse", "ownership")),
        ({}, "us", ("share_column", "b", 0, False), ("refuse", "private")),
        ({}, "us", ("change_type", "b", 0, False), ("refuse", "private")),
        ({}, "us", ("drop_column", "b", 0, False), ("accept", "none")),
        ({}, "us", ("drop_column", "a", 0, False), ("refuse", "breaking")),
        ({}, "us", ("rename_column", "a", 0, True), ("counter", "breaking")),
        ({}, "us", ("add_column", "a", 0, False), ("accept", "none")),
        ({}, "us", ("share_column", "a", 50, False), ("accept", "none")),
        ({}, "us", ("share_column", "a", 51, False), ("counter", "cost")),
        ({}, "us", ("share_column", "a", 100, False), ("counter", "cost")),
        ({}, "us", ("share_column", "a", 101, False), ("refuse", "cost")),
        ({"is_frozen": True}, "us", ("add_column", "n", 500, False), ("counter", "freeze")),
        ({"is_frozen": True}, "us", ("drop_column", "a", 0, False), ("refuse", "breaking")),
    ],
)
def test_the_policy_of_contracts(
    contract: dict[str, object], asked: str, wanted: tuple[contracts.Change, str, int, bool], expected: Verdict
) -> None:
    assert verdict(CONTRACT.model_copy(update=contract), asked, Wanted(*wanted)) == expected


def test_all_verdicts_are_taught() -> None:
    random = random_of("verdicts")
    found = Counter(proposed("train", random).verdict for _ in range(1_500))
    assert set(found) == {
        ("accept", "none"),
        ("refuse", "ownership"),
        ("refuse", "private"),
        ("refuse", "breaking"),
        ("counter", "breaking"),
        ("counter", "freeze"),
        ("counter", "cost"),
        ("refuse", "cost"),
    }
    assert min(found.values()) > 50
