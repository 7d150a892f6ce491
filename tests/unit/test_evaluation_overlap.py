"""ROUGE-L and BLEU have the values that their authors and others give for the same texts."""

import pytest

from inference.evaluation.overlap import Explanation, bleu, rouge_l, words

PARTY = Explanation(
    "It is a guide to action which ensures that the military always obeys the commands of the party",
    (
        "It is a guide to action that ensures that the military will forever heed Party commands",
        "It is the guiding principle which guarantees the military forces always being under the command of the Party",
        "It is the practical guide for the army always to heed the directions of the party",
    ),
)
BOOK = Explanation(
    "he read the book because he was interested in world history",
    ("he was interested in world history because he read the book",),
)


@pytest.mark.parametrize(
    ("said", "expected"),
    [("police kill the gunman", 3 / 4), ("the gunman kill police", 2 / 4), ("the gunman police killed", 2 / 4)],
)
def test_rouge_l_has_the_values_of_its_paper(said: str, expected: float) -> None:
    assert rouge_l([Explanation(said, ("police killed the gunman",))]) == expected


def test_rouge_l_takes_the_best_reference_and_the_mean_over_explanations() -> None:
    one = Explanation("a b c", ("x", "a b"))
    assert rouge_l([one]) == pytest.approx(2 * 2 / 5)
    assert rouge_l([one, Explanation("", ("",)), Explanation("a", ("b",))]) == pytest.approx(2 * 2 / 5 / 3)


def test_bleu_has_the_values_that_nltk_gives() -> None:
    assert bleu([PARTY]) == pytest.approx(0.5045666840058485)
    assert bleu([PARTY, BOOK]) == pytest.approx(0.5920778868801042)


def test_bleu_clips_what_is_said_again_and_again_and_punishes_what_is_short() -> None:
    again = "the the the the the the the"
    assert bleu([Explanation(again, ("the cat is on the mat",))]) == 0.0
    assert bleu([Explanation("one two three four", ("one two three four five six",))]) == pytest.approx(
        2.718281828**-0.5
    )
    assert bleu([Explanation("one two three four", ("one two three four",))]) == 1.0


def test_marks_are_words_and_case_is_none() -> None:
    assert words("It saves 2.5 s, A day.") == ["it", "saves", "2", ".", "5", "s", ",", "a", "day", "."]
