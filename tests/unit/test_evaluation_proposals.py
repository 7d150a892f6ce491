"""The proposals by which coordination is judged are those that the README tells of, and nothing that is taught."""

import re
from collections import Counter
from itertools import combinations

import pytest

from inference.distill import proposals as taught
from inference.distill.seeds import random_of
from inference.evaluation.proposals import FOLDER, Domain, domains
from inference.language.reading import VERDICTS

PROPOSED = [one for domain in domains() for one in domain.proposed()]
each_domain = pytest.mark.parametrize("domain", domains(), ids=lambda domain: domain.domain)


def runs(text: str) -> set[tuple[str, ...]]:
    """Of four words; a shorter text is one run."""
    words = re.findall(r"[^\W_]+", text.lower())
    return {tuple(words[start : start + 4]) for start in range(max(1, len(words) - 3))}


def test_there_are_96_to_12_domains_each_in_a_file_of_its_name() -> None:
    assert [domain.domain for domain in domains()] == sorted(file.stem for file in FOLDER.iterdir())
    assert [len(domain.proposals) for domain in domains()] == [8] * 12


def test_ids_are_unique_and_begin_with_their_domain() -> None:
    ids = [(domain.domain, one.id) for domain in domains() for one in domain.proposals]
    assert len({id_ for _, id_ in ids}) == 96
    assert [id_ for name, id_ in ids if not re.fullmatch(rf"{name}-\d", id_)] == []


@each_domain
def test_a_table_has_one_contract_and_each_contract_a_proposal_from_somebody_else(domain: Domain) -> None:
    tables = [contract.table for contract in domain.contracts]
    assert len(set(tables)) == len(tables)
    assert set(tables) == {one.table for one in domain.proposals}
    assert all(one.of != domain.domain for one in domain.proposals)
    assert not any(set(contract.promised) & set(contract.private) for contract in domain.contracts)


def test_every_verdict_is_said_of_nine_at_least_and_none_of_more_than_a_fifth() -> None:
    found = Counter(one.verdict for one in PROPOSED)
    assert found == {
        ("accept", "none"): 18,
        ("refuse", "ownership"): 12,
        ("refuse", "private"): 13,
        ("refuse", "breaking"): 13,
        ("counter", "breaking"): 12,
        ("counter", "freeze"): 10,
        ("counter", "cost"): 9,
        ("refuse", "cost"): 9,
    }
    assert set(found) <= set(VERDICTS)


@each_domain
def test_what_it_would_cost_stands_in_the_text_that_speaks_of_it(domain: Domain) -> None:
    for one in domain.proposals:
        if one.wanted.cost:
            assert re.search(rf"\b{one.wanted.cost}\b", one.purpose), one.id


def test_a_column_that_is_added_is_named_and_is_not_there_yet() -> None:
    added = [(one, domain) for domain in domains() for one in domain.proposals if one.wanted.change == "add_column"]
    assert len(added) > 30
    for one, domain in added:
        (contract,) = [contract for contract in domain.contracts if contract.table == one.table]
        assert one.wanted.column not in (*contract.promised, *contract.private), one.id


def test_no_proposal_shares_half_of_its_runs_of_four_words_with_what_is_taught() -> None:
    random = random_of("runs")
    made = [taught.proposed("train", random).proposal.purpose for _ in range(2_000)]
    known = set[tuple[str, ...]]().union(*map(runs, made))

    def is_near(text: str) -> bool:
        return 2 * len(runs(text) & known) >= len(runs(text))

    assert [one.id for domain in domains() for one in domain.proposals if is_near(one.purpose)] == []
    assert any(is_near(taught.proposed("validation", random).proposal.purpose) for _ in range(100))


def test_no_two_are_nearly_the_same() -> None:
    texts = {one.id: runs(one.purpose) for domain in domains() for one in domain.proposals}
    shared = {pair: len(texts[pair[0]] & texts[pair[1]]) for pair in combinations(texts, 2)}
    assert [(one, other) for (one, other), count in shared.items() if 5 * count >= len(texts[one])] == []
