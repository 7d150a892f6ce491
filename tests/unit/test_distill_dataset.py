"""Lists made of given labels, with exact values."""

from dataclasses import replace
from math import log
from typing import Any

import pytest

from inference.advisor import propose
from inference.distill import dataset
from inference.distill.analysis import DAYS, as_often, drawn, request
from inference.distill.dataset import NOTHING, Choice, Measured, lists_of
from inference.distill.examples import example
from inference.distill.labelled import WRITE, Change, KnownShape, Labels, Pair, parts_of, text_id
from inference.distill.wanted import wanted
from inference.judgement.features import FEATURES
from schemas.records import AnalysisRequest, Candidate
from tests.advising import catalog, column, table

FACT = table("f", [column("id", ordered=1.0), column("k", distinct=100_000), column("day", "DATE", distinct=400)])
BY_KEY = "SELECT count(*) FROM f WHERE k = $1"
OF_MONTH = "SELECT sum(id) FROM f WHERE strftime(day, '%Y-%m') = $1"
OTHER = "SELECT max(id) FROM f"
ADD = "INSERT INTO f (id, k, day) VALUES ($1, $2, $3)"
RUNS = 1_000 * DAYS
"""So that a statement of 100 ms takes 100 s a day."""


def known(statement: str, kind: str = "select", us: int = 100_000) -> KnownShape:
    return KnownShape(template="t", fingerprint=statement, statement=statement, kind=kind, p50_us=us, p95_us=us, rows=1,
                      rows_scanned=3_000_000, row_groups=25, intermediate_bytes=8)  # fmt: skip


SHAPES = [known(BY_KEY), known(OF_MONTH), known(OTHER), known(ADD, "insert", 1_000)]


def labels(changes: list[Change] | None = None, pairs: list[Pair] | None = None, lists: int = 8) -> Labels:
    return Labels(database="main", domain="d", split="train", seed=1, rows=3_000_000, lists=lists, unmeasured=0,
                  versions="", machine="", seconds=1.0, catalog=catalog([FACT]).model_dump_json(), shapes=SHAPES,
                  changes=changes or [], pairs=pairs or [])  # fmt: skip


def asked(*often: tuple[KnownShape, int]) -> AnalysisRequest:
    return request(catalog([FACT]), [as_often(shape.once(), runs) for shape, runs in often], "a", full=False)


def found(of: AnalysisRequest, rule: str) -> Candidate:
    [candidate] = [one for one in propose(of).candidates if one.rule == rule]
    return candidate


def change(candidate: Candidate, problem: str = "") -> Change:
    return Change(change_id=parts_of(candidate).change_id, rule=candidate.rule, kinds="", build_s=2.0, extra_bytes=7,
                  peak_bytes=9, problem=problem)  # fmt: skip


def pair(shape: KnownShape, speedup: float, **more: Any) -> Pair:
    fields: dict[str, Any] = {
        "change": 0, "shape": SHAPES.index(shape), "text": "", "before_ms": 1.0, "after_ms": 1.0, "speedup": speedup,
        "low": speedup * 0.99, "high": speedup * 1.01, "aa_low": 0.98, "aa_high": 1.03, "k": 9, "glance": 1.0,
        "equal": "equal", "problem": "",
    }  # fmt: skip
    return Pair(**fields | more)


WITH_INDEX = asked((SHAPES[0], RUNS), (SHAPES[2], RUNS), (SHAPES[3], RUNS))
INDEX = found(WITH_INDEX, "selective index")


def chosen(pairs: list[Pair], problem: str = "") -> Choice | None:
    return Measured(labels([change(INDEX, problem)], pairs)).choice(INDEX, WITH_INDEX)


def test_what_a_candidate_saves_is_the_reads_less_the_writes_a_day() -> None:
    choice = chosen([pair(SHAPES[0], 4.0, glance=2.0), pair(SHAPES[3], 0.5, equal=WRITE)])
    # of 100 s a day three quarters, at first sight a half, and writes of 1 s a day take twice as long
    assert choice == Choice(INDEX, 74.0, log(201 / 127), 2.0, 7, "", 50.0)


def test_what_does_not_leave_the_band_of_the_query_itself_saves_nothing() -> None:
    unchanged = pair(SHAPES[3], 1.0, equal=WRITE)
    inside = [
        pair(SHAPES[0], 1.08),
        pair(SHAPES[0], 1.3, aa_high=1.31),
        pair(SHAPES[0], 0.91),
        pair(SHAPES[0], 1.5, low=0.99),
    ]
    assert [chosen([one, unchanged]) for one in inside] == [Choice(INDEX, 0.0, 0.0, 2.0, 7, "")] * 4
    assert [round(one.saved, 6) for one in (pair(SHAPES[0], 1.25), pair(SHAPES[0], 0.8))] == [0.2, -0.25]


def test_a_candidate_of_which_a_pair_is_missing_has_no_label() -> None:
    assert chosen([pair(SHAPES[0], 4.0)]) is None
    assert Measured(labels()).choice(INDEX, WITH_INDEX) is None


def test_what_measuring_would_refuse_saves_nothing_and_says_why() -> None:
    write = pair(SHAPES[3], 1.0, equal=WRITE)
    assert chosen([], "no room") == Choice(INDEX, 0.0, 0.0, 2.0, 7, "no room")
    failed = Pair.failed(change=0, shape=0, text="", problem="it runs too long")
    assert chosen([failed, write]) == Choice(INDEX, 0.0, 0.0, 2.0, 7, "it runs too long")
    other = chosen([pair(SHAPES[0], 4.0, equal="different"), write])
    assert other is not None
    assert (other.saved_s, other.log_speedup) == (0.0, 0.0)
    assert other.refused == f"a query returns something else ({BY_KEY})"


def test_a_rewrite_is_found_by_its_text() -> None:
    of = asked((SHAPES[1], RUNS), (SHAPES[2], 3 * RUNS))
    rewrite = found(of, "strftime to range")
    text = text_id(parts_of(rewrite).texts[OF_MONTH])
    measured = Measured(labels([change(rewrite)], [pair(SHAPES[1], 10.0, text=text)]))
    choice = measured.choice(rewrite, of)
    assert choice is not None
    assert (choice.saved_s, choice.log_speedup) == (pytest.approx(90.0), pytest.approx(log(400 / 310)))
    assert Measured(labels([change(rewrite)], [pair(SHAPES[1], 10.0)])).choice(rewrite, of) is None


def all_measured(lists: int) -> Labels:
    """Every candidate of the lists with a label: the index pays, the others change nothing."""
    of = [drawn(catalog([FACT]), [shape.once() for shape in SHAPES], seed) for seed in range(lists)]
    changes: dict[str, Change] = {}
    pairs: dict[tuple[int, int, str], Pair] = {}
    for one in (candidate for each in of for candidate in propose(each).candidates):
        parts = parts_of(one)
        changes.setdefault(parts.change_id, change(one))
        number = list(changes).index(parts.change_id)
        for fingerprint in one.affected:
            [shape] = [each for each in SHAPES if each.fingerprint == fingerprint]
            text = text_id(parts.texts.get(fingerprint, ""))
            speedup = 4.0 if one.rule == "selective index" and shape.kind == "select" else 1.0
            made = pair(shape, speedup, change=number, text=text, equal="equal" if shape.kind == "select" else WRITE)
            pairs[number, made.shape, text] = made
    return labels(list(changes.values()), list(pairs.values()), lists)


def test_every_list_holds_nothing_once_with_no_gain_at_no_fixed_place() -> None:
    found = lists_of(all_measured(40))
    places = {one.choices.index(NOTHING) for one in found}
    assert all(one.choices.count(NOTHING) == 1 for one in found)
    assert (NOTHING.candidate, NOTHING.saved_s, NOTHING.log_speedup) == (None, 0.0, 0.0)
    assert len(places) > 1
    assert any(one.pays for one in found)
    assert all(one.unmeasured == 0 for one in found)


def test_a_list_is_made_anew_from_labels_alone(tmp_path: Any) -> None:
    made = all_measured(12)
    file = made.save(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["main.parquet"]
    assert Labels.load(file) == made
    assert list(dataset.lists(tmp_path)) == lists_of(made)


def test_of_near_duplicates_one_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    made = all_measured(40)
    kept = lists_of(made)
    monkeypatch.setattr(dataset, "NEAR", 2.0)
    every = lists_of(made)
    assert 1 < len(kept) < len(every) <= 40
    assert {one.name for one in kept} <= {one.name for one in every}


def test_what_gives_more_lists_a_label_for_each_second_is_tried_first() -> None:
    shapes = [shape.once() for shape in SHAPES]
    found = wanted(catalog([FACT]), shapes, 12)
    by_id = {shape.fingerprint: shape for shape in shapes}
    rates = [one.lists / one.seconds(by_id) for one in found]
    assert rates == sorted(rates, reverse=True)
    assert len(set(rates)) > 3
    index = next(one for one in found if one.kinds == "create_index")
    assert (list(index.affected), index.seconds(by_id)) == ([BY_KEY, ADD], 3.0 + 20 * 0.101)
    rewrite = next(one for one in found if one.kinds == "rewrite")
    assert rewrite.seconds(by_id) == 20 * 0.1 * sum(map(len, rewrite.texts.values()))


def test_a_list_as_numbers_has_a_row_for_each_candidate_and_none_for_nothing() -> None:
    listed = Measured(labels([change(INDEX)], [])).list(1)
    choices = Choice(INDEX, 74.0, log(2), 2.0, 7, "", 50.0), NOTHING
    found = example(replace(listed, request=WITH_INDEX, choices=choices))
    assert found.features.shape == (1, len(FEATURES))
    assert (found.domain, found.split, found.gains.tolist()) == (listed.domain, listed.split, [True])
    assert found.speedups.tolist() == pytest.approx([2.0])
    assert (found.saved_s.tolist(), found.glanced_s.tolist()) == ([74.0], [50.0])
    assert found.promised_s.tolist() == [INDEX.promised_s / DAYS]
