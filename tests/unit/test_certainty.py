"""How certain readers are is told before the threshold, and beside it what the threshold leaves."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from inference.distill.proposals import Proposed
from inference.evaluation import certainty
from inference.evaluation.calibration import Bin, bins, calibration
from inference.evaluation.certainty import answers, report, without_thresholds
from inference.evaluation.costing import Held, held_by
from inference.evaluation.language_report import held_told
from inference.language.model import Calibration, Model
from inference.language.reading import Operation, Reason, Table
from inference.language.student import Said
from inference.language.tasks import request_ask
from tests import language_models
from tests.tiny_model import tiny_model
from tests.unit.test_language_report import BOOKS, BY_SHELF, PROPOSALS, domain
from tests.unit.test_ranking_report import table


def calibrated(threshold: float) -> Model:
    one = Calibration(threshold=threshold)
    return language_models.model(1).with_calibration({"request": one, "reason": one})


@dataclass
class Fixed:
    """Reads what it is told to, in place of a student without thresholds."""

    model: Model

    def read_request(self, text: str, tables: Sequence[Table]) -> Said[tuple[Operation, ...]]:
        if "shelf" in text:
            return Said((BY_SHELF,), 0.9)
        return Said((BY_SHELF,), 0.4) if "day" in text else Said(None, 0.99)

    def read_reason(self, text: str) -> Said[Reason]:
        return Said("writes", 0.05)

    def read_said(self, text: str) -> Said[tuple[str, str]]:
        return Said(("refuse", "breaking"), 0.75)


def test_each_task_has_the_figures_of_its_answers_and_what_the_threshold_leaves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(certainty, "Student", Fixed)
    text = report([calibrated(0.5)], [domain("one"), domain("two")], PROPOSALS)
    assert table(text, "reader")[2:] == [
        # of each domain one request right with 0.9, one wrong with 0.4, and one that is none
        ["test", "request", "4", "0.50", "50%", "100%", "0.085", "0.250", "0.650", "0.500"],
        ["test", "reason", "6", "0.50", "0%", "", "0.302", "0.283", "0.050", "0.333"],
        ["test", "proposal", "4", "0.00", "100%", "50%", "0.312", "0.250", "0.750", "0.500"],
    ]  # fmt: skip
    of_bins = table(text[text.index("How often it is right by") :], "reader")
    assert of_bins[0] == ["reader", "of a", *(f"0.{tenth}" for tenth in range(10))]
    assert of_bins[2] == ["test", "request", "", "", "", "", "0% of 2", "", "", "", "", "100% of 2"]


def test_thresholds_hide_no_answer() -> None:
    strict, lenient = calibrated(1.0), calibrated(0.0)
    assert {one.threshold for one in without_thresholds(strict).config.calibration.values()} == {0.0}
    some = [domain("one")]
    found, same = (answers(model, some, PROPOSALS) for model in (strict, lenient))
    for task, (said, right) in found.items():
        np.testing.assert_array_equal(said, same[task][0])
        np.testing.assert_array_equal(right, same[task][1])
    assert (len(found["reason"][0]), len(found["proposal"][0])) == (3, 4)


def test_a_reader_without_answers_has_none_to_be_told() -> None:
    text = report([calibrated(0.5)], [], list[Proposed]())
    assert [row[2:] for row in table(text, "reader")[2:]] == [["0", threshold, *[""] * 6] for threshold in (
        "0.50", "0.50", "0.00")]  # fmt: skip


def test_bins_are_tenths_and_the_last_has_certainty_itself() -> None:
    said, true = np.array([0.0, 0.05, 0.7, 1.0]), np.array([False, True, False, True])
    assert bins(said, true) == {0: Bin(0.025, 0.5, 2), 7: Bin(0.7, 0.0, 1), 9: Bin(1.0, 1.0, 1)}
    assert calibration(said, true) == ["0.348", "0.412", "0.438"]


def test_what_a_reader_takes_is_told_once_it_has_read(tmp_path: Path) -> None:
    language_models.model(1).save(tmp_path / "student")
    (tmp_path / "student" / "EVALUATION.md").write_text("no part of the model")
    asks = [request_ask("an index on the day that books are due", [BOOKS])]
    student, general = held_by(tmp_path / "student", asks), held_by(tiny_model(tmp_path / "llama"), asks)
    assert (student.name, general.name) == ("test", "llama")
    names = ("config.json", "weights.safetensors", "tokenizer.json")
    assert student.bytes == sum((tmp_path / "student" / name).stat().st_size for name in names)
    assert all(20e6 < one.resident_bytes < 2e9 for one in (student, general))
    assert held_told([Held("a reader", 12_000, 103_000_000)]).splitlines()[2:] == ["| a reader | 103 | 12,000 |"]
