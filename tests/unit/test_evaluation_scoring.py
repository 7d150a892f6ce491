"""Each score has the value that its definition gives, worked out by hand."""

import pytest

from inference.evaluation.scoring import (
    Estimate,
    RejectionRead,
    RequestRead,
    Verdict,
    VerdictRead,
    answers_right,
    estimate,
    exact_match,
    false_answers,
    kind_and_table_match,
    kinds_f1,
    reasons_f1,
    refused,
    verdicts_f1,
    verdicts_right,
)
from inference.language.reading import Kind, Operation, Reason


def op(kind: Kind, table: str = "books", *columns: str) -> Operation:
    return Operation(kind=kind, table=table, columns=columns)


def read(wanted: list[Operation], found: list[Operation], domain: str = "library") -> RequestRead:
    return RequestRead(domain, tuple(wanted), tuple(found))


INDEX, DROP = op("create_index", "books", "shelf", "due"), op("drop_table", "old_books")
READS = [
    read([INDEX], [op("create_index", "books", "due", "shelf")]),
    read([INDEX], [op("create_index", "books", "shelf")]),
    read([INDEX], [op("create_index", "loans", "shelf", "due")]),
    read([INDEX, DROP], [DROP, INDEX]),
    read([INDEX, DROP], [INDEX]),
    read([DROP], []),
    read([], []),
    read([], [DROP]),
    read([], []),
]


def test_a_match_is_exact_by_kind_table_and_set_of_columns_of_all_operations_of_an_answerable_text() -> None:
    assert exact_match(READS) == 2 / 6
    assert kind_and_table_match(READS) == 3 / 6


def test_an_operation_that_is_wanted_twice_has_to_be_found_twice() -> None:
    other = op("create_index", "books", "title")
    assert kind_and_table_match([read([INDEX, other], [INDEX])]) == 0
    assert kind_and_table_match([read([INDEX, other], [INDEX, INDEX])]) == 1
    assert exact_match([read([INDEX, other], [INDEX, INDEX])]) == 0


def test_false_answers_are_a_share_of_what_cannot_be_answered_and_refusals_of_what_can() -> None:
    assert false_answers(READS) == 1 / 3
    assert refused(READS) == 1 / 6


def test_the_f1_of_kinds_is_the_mean_over_those_that_occur_with_none_among_them() -> None:
    # create_index 5 of 5 both times; drop_table wanted 3 times, found twice, once rightly; none 2, found 3, rightly 2
    assert kinds_f1(READS) == pytest.approx((1 + 2 * 1 / (3 + 2) + 2 * 2 / (3 + 3)) / 3)
    assert kinds_f1([read([INDEX], [op("cluster")])]) == 0
    assert kinds_f1([read([], [])]) == 1


def test_the_f1_of_reasons_is_the_mean_over_those_that_occur() -> None:
    pairs: list[tuple[Reason, Reason]] = [("risk", "risk"), ("risk", "space"), ("space", "space"), ("done", "unclear")]
    # risk 2 / 3, space 2 / 3, done 0, unclear 0
    assert reasons_f1([RejectionRead("library", *pair) for pair in pairs]) == pytest.approx(1 / 3)


def test_a_verdict_is_an_answer_with_its_reason_and_what_is_not_understood_is_no_class() -> None:
    accept, cost, freeze = ("accept", "none"), ("counter", "cost"), ("counter", "freeze")
    pairs: list[tuple[Verdict, Verdict | None]] = [
        (accept, accept), (cost, freeze), (cost, cost), (freeze, None), (accept, ("refuse", "cost")),
    ]  # fmt: skip
    reads = [VerdictRead("library", *pair) for pair in pairs]
    assert answers_right(reads) == 3 / 5
    assert verdicts_right(reads) == 2 / 5
    # accept 2 of 3, counter for cost 2 of 3, counter for the freeze 0 of 2, refuse for cost 0 of 1
    assert verdicts_f1(reads) == pytest.approx((2 / 3 + 2 / 3) / 4)


def test_an_interval_comes_from_whole_domains_drawn_anew() -> None:
    right, wrong = [read([DROP], [DROP], "a")] * 9, [read([DROP], [], "b")]
    # of two domains a draw takes both once in two, and each of them alone once in four: beyond 2.5 % on either side
    assert estimate(refused, right + wrong) == Estimate(0.1, 0.0, 1.0)
    assert estimate(refused, right) == Estimate(0.0, 0.0, 0.0)


def test_an_interval_covers_95_of_100_draws_and_is_the_same_each_time() -> None:
    # two of 20 are wrong, and drawn Binomial(20, 1/10) times: at most four times with 95.7 %, five times with 98.9 %
    reads = [read([DROP], [] if number < 2 else [DROP], str(number)) for number in range(20)]
    assert estimate(refused, reads) == Estimate(2 / 20, 0.0, 5 / 20)
    assert estimate(kinds_f1, reads) == estimate(kinds_f1, reads)
