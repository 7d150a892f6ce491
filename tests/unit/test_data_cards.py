"""The data cards tell what there is to learn from, beside what the specification wants."""

from functools import partial
from pathlib import Path

import pytest

from inference.distill import card, texts_card
from inference.distill.dataset import lists_of
from inference.distill.texts_card import LABELS, Made, Sample, sample
from tests.unit.test_distill_dataset import all_measured
from tests.unit.test_ranking_report import table


def test_the_command_writes_both_cards_beside_the_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts_card, "sample", partial(sample, size=40))
    labels = all_measured(12)
    labels.save(tmp_path)
    card.main(tmp_path)
    text = (tmp_path / "CARD.md").read_text()
    found = lists_of(labels)
    kinds = [{action.kind for action in choice.candidate.actions} for one in found for choice in one.choices
             if choice.candidate]  # fmt: skip
    rewrites, all_ = kinds.count({"rewrite"}), len(kinds)
    assert 0 < rewrites < all_
    assert table(text, "kind")[2:] == [
        ["schema operations", "50,000", "59%", "67%", str(all_ - rewrites), f"{(all_ - rewrites) / all_:.0%}"],
        ["query optimization", "25,000", "29%", "33%", str(rewrites), f"{rewrites / all_:.0%}"],
        ["agent coordination", "10,000", "12%", "", "made when they are taught (TEXTS.md)", ""],
    ]
    assert f"At the measured rate, {3600 * len(found):,} an hour and {len(found)} a database" in text
    assert (tmp_path / "TEXTS.md").read_text().startswith("# Data card: texts for the language student\n")


def test_without_labels_there_is_no_rate() -> None:
    text = card.card([], [], 0, 1e-4)
    assert "Nothing is labelled yet, so that there is no rate." in text
    assert table(text, "kind")[2][4:] == ["0", ""]


def test_all_examples_take_what_the_lists_took_and_what_answering_proposals_takes() -> None:
    labels = all_measured(12).model_copy(update={"seconds": 36.0})
    found = lists_of(labels)
    hours = 75_000 / len(found) * 36 / 3600
    text = card.card([labels], found, 1, 0.36)
    assert f"would take {hours:,.0f} hours and {75_000 / len(found):,.0f} databases. The 10,000 of coordination" in text
    assert f"and take 3,600 s. All 85,000: {hours + 1:,.0f} hours." in text


def test_texts_are_told_by_their_labels_and_how_many_are_repeats() -> None:
    two, none = frozenset({"cluster", "drop_table"}), frozenset({"none: vague"})
    made = Sample(
        "train",
        {
            "requests": [Made("a", two), Made("b", none), Made("A", none), Made("a", two)],
            "rejections": [Made("no", frozenset({"risk"}))] * 4,
            "proposals": [Made(str(number), frozenset({"accept"})) for number in range(4)],
        },
        {"requests": 0.5, "rejections": 0.001, "proposals": 4.0},
    )
    text = texts_card.card([made])
    assert "of 4 of each sort and split" in text
    assert "8 requests a second, 4,000 rejections a second, 1 proposals a second." in text
    rows = dict(table(text[text.index("## Requests") :], "")[2:])
    assert (rows["cluster"], rows["drop_table"], rows["none: vague"], rows["create_index"]) == (
        "2 (50.0%)", "2 (50.0%)", "2 (50.0%)", "0 (0.0%)"
    )  # fmt: skip
    assert table(text[text.index("## Exact repeats") :], "")[2:] == [
        ["requests", "1 (25.0%)"], ["rejections", "3 (75.0%)"], ["proposals", "0 (0.0%)"],
    ]  # fmt: skip


def test_the_same_texts_are_made_each_time_with_labels_that_the_card_knows() -> None:
    one, other = sample("train", 60), sample("train", 60)
    assert one.made == other.made
    assert sample("validation", 60).made != one.made
    assert {sort: len(made) for sort, made in one.made.items()} == dict.fromkeys(LABELS, 60)
    for sort, known in LABELS.items():
        assert {label for made in one.made[sort] for label in made.labels} <= set(known)
