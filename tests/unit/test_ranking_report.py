"""The report on rankers says who is better, how sure that is, and what it cannot say."""

from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

import numpy as np
import pytest

from inference.distill.domains import Split
from inference.distill.examples import Example
from inference.evaluation.calibration import Bin
from inference.evaluation.contenders import contenders
from inference.evaluation.costing import costs_of
from inference.evaluation.plots import regrets, reliability
from inference.evaluation.ranking import FIGURES, Judged, Mean, figures, mean
from inference.evaluation.ranking_report import CALIBRATION, REGRET, Contender, chosen, costs_told, plots, report
from inference.judgement.features import FEATURES
from inference.judgement.ranker import TREES
from inference.weights import WEIGHTS
from tests.ranking_models import student
from tests.unit.test_training import lists

NAMES = ["chance", "rules", "first look", "trees", "student", "untrained student"]


def table(text: str, first: str) -> list[list[str]]:
    """The rows of the table whose first head it is."""
    lines = text.splitlines()
    begin = next(place for place, line in enumerate(lines) if line.startswith(f"| {first} |"))
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[begin:]]
    return rows[: next((place for place, row in enumerate(rows) if not row), len(rows))]


def test_all_rankers_stand_side_by_side_and_nothing_is_said_for_those_that_know_no_nothing(tmp_path: Path) -> None:
    test = lists(40, "test", 5)
    text = report("test", test, contenders(test, student(tmp_path)))
    paying = sum(bool(one.saved_s.max() > 0) for one in test)
    assert text.startswith(
        f"40 lists of at least 8 candidates, of 4 domains of the split test; {paying} of them hold a candidate that "
        "pays. "
    )
    assert "**Fewer than 12 domains: the intervals are not reliable.**" in text
    heads, _, *rows = table(text, "ranker")
    assert heads == ["ranker", *FIGURES]
    assert [row[0] for row in rows] == NAMES
    false_gains = 1 + FIGURES.index("false gains")
    assert [row[false_gains] == "" for row in rows] == [True, True, True, False, False, False]
    rules = figures([Judged(one.domain, one.saved_s, one.promised_s) for one in test])["regret@1"]
    assert rows[1][1].startswith(f"{mean(rules).mean:.3f} (")
    assert [row[0] for row in table(text, "beside")[2:]] == [name for name in NAMES if name != "student"]
    calibration = next(place for place in range(len(text)) if text.startswith("### Calibration", place))
    assert [row[0] for row in table(text[calibration:], "ranker")[2:]] == ["trees", "student", "untrained student"]


def test_without_a_model_the_others_are_compared() -> None:
    test = [replaced(one, f"domain {number % 12}") for number, one in enumerate(lists(48, "test", 5))]
    found = contenders(test, None)
    assert [one.name for one in found] == NAMES[:3]
    text = report("test", test, found)
    assert [row[0] for row in table(text, "ranker")[2:]] == NAMES[:3]
    assert "Fewer than" not in text
    assert "Calibration" not in text
    assert list(plots(test, found)) == [REGRET]


def replaced(one: Example, domain: str) -> Example:
    return one._replace(domain=domain)


def test_where_nothing_can_be_compared_it_says_so() -> None:
    assert report("test", [], contenders([], None)) == (
        "0 lists of at least 8 candidates, of 0 domains of the split test; 0 of them hold a candidate that pays. There "
        "is nothing to compare yet: label more databases.\n"
    )
    assert plots([], contenders([], None)) == {}
    assert chosen([given("one"), given("other")], []) == (
        "No default is chosen: of the domains for training and for validation 2 have a list of at least 8 candidates "
        "in which one pays, and it takes 12.\n"
    )


def given(domain: str, split: Split = "validation") -> Example:
    saved = np.array([100.0, *[0.0] * 7])
    features = np.zeros((8, len(FEATURES)), np.float32)
    return Example(domain, split, features, np.exp(saved / 1000), saved, saved, saved)


RIGHT, WRONG = np.arange(8.0)[::-1], np.arange(8.0)


@pytest.mark.parametrize(
    ("rules", "trees", "student_", "default"),
    [
        (12, 12, 12, "rules"),  # all right: a tie
        (0, 12, 12, "trees"),
        (0, 0, 12, "student"),
        (11, 12, 12, "rules"),  # one domain of 12 does not tell it from the best
        (4, 12, 12, "trees"),
    ],
)
def test_the_default_is_the_best_on_unseen_domains_and_of_a_tie_the_simplest(
    rules: int, trees: int, student_: int, default: str
) -> None:
    validation = [given(f"domain {number}") for number in range(12)]
    found = [
        Contender(name, [RIGHT if number < right else WRONG for number in range(12)])
        for name, right in (("chance", 12), ("rules", rules), ("trees", trees), ("student", student_))
    ]
    text = chosen(validation, found)
    assert text.startswith(
        "The default is chosen by regret@1 on the 12 domains for training and for validation together"
    )
    assert text.endswith(f"the simplest is **{default}**.\n")


def elements(svg: str, name: str, kind: str = "") -> list[Element]:
    root = fromstring(svg)  # noqa: S314 - our own
    found = root.iter(f"{{http://www.w3.org/2000/svg}}{name}")
    return [one for one in found if not kind or kind in str(one.get("class")).split()]


def test_regrets_are_drawn_with_their_intervals_on_one_scale() -> None:
    rows = {"rules": [Mean(0.5, 0.4, 0.6, 12), Mean(0.2, 0.1, 0.3, 12)], "student <b>": [Mean(0.0, 0.0, 0.1, 12)] * 2}
    svg = regrets(rows, ["regret@1", "regret@3"])
    words = [one.text for one in elements(svg, "text")]
    assert words[1:3] == ["regret@1", "regret@3"]
    assert {"rules", "student <b>", "0.0", "0.6"} <= set(words)
    assert "0.7" not in words
    left, right = ({one.text: float(str(one.get("x"))) for one in elements(svg, "text")}[end] for end in ("0.0", "0.6"))
    first = [float(str(one.get(end))) for one in elements(svg, "line", "first") for end in ("x1", "x2")]
    assert first == pytest.approx([left + (right - left) * end / 0.6 for end in (0.4, 0.6, 0.0, 0.1)], abs=0.1)
    assert "rules, regret@3: 0.200 (0.100 to 0.300)" in [one.text for one in elements(svg, "title")]


def test_what_is_said_rightly_lies_on_the_diagonal() -> None:
    svg = reliability({"student": [Bin(0.0, 0.0, 30), Bin(1.0, 1.0, 10)], "trees": [Bin(0.5, 0.25, 1)]})
    (even,) = elements(svg, "line", "even")
    marks = [one for one in elements(svg, "circle", "first") if one.get("r") != "4"]
    assert [(one.get("cx"), one.get("cy")) for one in marks] == [
        (even.get("x1"), even.get("y1")), (even.get("x2"), even.get("y2")),
    ]  # fmt: skip
    assert "trees: said 0.50, so in 0.25 of 1" in [one.text for one in elements(svg, "title")]
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", ""), "it loads nothing"


def test_the_calibration_is_told_by_bins_of_what_is_said() -> None:
    test = [given(f"domain {number}", "test") for number in range(12)]
    sure = [np.array([1.0, *[0.0] * 7]) for _ in test]
    unsure = [np.full(8, 0.5) for _ in test]
    found = [Contender("trees", [RIGHT] * 12, sure), Contender("student", [RIGHT] * 12, unsure)]
    text = report("test", test, found)
    rows = table(text[text.index("### Calibration") :], "ranker")[2:]
    assert rows == [["trees", "0.000", "0.000", "0.125", "0.125"], ["student", "0.250", "0.375", "0.500", "0.125"]]
    assert list(plots(test, found)) == [REGRET, CALIBRATION]


def test_what_asking_takes_is_told_of_the_student_and_of_its_trees(tmp_path: Path) -> None:
    folder = student(tmp_path)
    (folder / "EVALUATION.md").write_text("no part of the model")
    costs = costs_of(folder, [np.zeros((5, len(FEATURES)), np.float32)])
    sizes = {name: one.bytes for name, one in costs.rankers.items()}
    trees = (folder / TREES).stat().st_size
    assert sizes == {
        "student": trees + (folder / WEIGHTS).stat().st_size + (folder / "config.json").stat().st_size,
        "trees": trees,
    }
    assert all(0 < one.p50_s <= one.p95_s < 1 for one in costs.rankers.values())
    assert 20e6 < costs.resident_bytes < 2e9
    fixed = costs._replace(
        rankers={"student": costs.rankers["student"]._replace(p50_s=0.00125, p95_s=0.002, bytes=12_000)},
        resident_bytes=103_000_000,
    )
    assert costs_told(fixed).endswith(
        "the process holds 103 MB.\n\n| ranker | p50 ms | p95 ms | files, bytes |\n|---|---|---|---|\n"
        "| student | 1.25 | 2.00 | 12,000 |\n"
    )
