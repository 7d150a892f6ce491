"""Explanations are judged beside those that were written singly for the same suggestions."""

import asyncio

import pytest

from inference.advisor import explain
from inference.evaluation import explained
from inference.evaluation.explained import Explained, Overlap, as_written, overlap
from inference.evaluation.language_report import explanations_told
from inference.evaluation.readers import Asked
from inference.evaluation.reporting import overlaps
from tests.unit.test_explaining import SLOWER, suggestion
from tests.unit.test_language_report import Fixed
from tests.unit.test_ranking_report import table

ONE = suggestion(refused=1, **SLOWER)
TEXT = explain(ONE).text()


def test_a_reference_of_the_templates_own_words_has_all_of_them_in_common() -> None:
    found = overlap("templates", as_written, [Explained("shop", ONE, ("other words", TEXT))])
    assert found == Overlap("templates", 0, 1.0, pytest.approx(1.0))


def test_what_is_refused_has_nothing_in_common_with_any_reference() -> None:
    half = iter([TEXT, None])
    known = [Explained("shop", ONE, (TEXT,)), Explained("shop", ONE, (TEXT,))]
    found = overlap("a model", lambda _title, _facts: next(half), known)
    assert (found.refused, found.rouge_l) == (1, 0.5)


def test_a_model_explains_with_the_numbers_that_were_measured_or_not_at_all() -> None:
    with asyncio.Runner() as runner:
        for said, expected in (("It saves 7.2 seconds.", "It saves 7.2 seconds."), ("It saves 8.2 seconds.", None)):
            assert Asked("a model", Fixed({"explain": said}), runner).explanation(ONE.title, TEXT) == expected


def test_each_suggestion_that_is_kept_can_be_explained_and_has_references_of_its_own() -> None:
    found = explained.suggestions()
    texts = [text for one in found for text in one.references]
    assert (len(found), len(texts)) == (6, len(set(texts)))
    assert all(one.references for one in found)
    assert all(one.suggestion.kind == "change" and explain(one.suggestion).impact for one in found)
    assert min(len(text.split()) for one in found for text in one.references) >= 20


def test_the_report_has_a_row_for_the_templates() -> None:
    heads, _, *rows = table(explanations_told(overlaps([], None)), "who explains")
    assert heads == ["who explains", "no valid answer", "ROUGE-L", "BLEU"]
    assert [row[:2] for row in rows] == [["templates", "0"]]
    assert 0 < float(rows[0][2]) < 1
