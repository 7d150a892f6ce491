"""The examination of the language student: what it is calibrated on, and what is told of it."""

from pathlib import Path

import numpy as np
import pytest

from inference.distill import examining, held_back
from inference.distill.examining import Judged, calibrated, cross_fitted, examined, read_held_back
from inference.language.model import CONFIG, Calibration, Model
from inference.language.student import Student
from inference.language.tokens import TOKENIZER
from inference.weights import WEIGHTS
from tests.language_models import model


def test_calibration_says_how_often_it_is_right_and_where_that_pays() -> None:
    random = np.random.default_rng(4)
    certainty = random.uniform(0.02, 0.98, 4_000)
    judged = [Judged(float(one), bool(random.random() < one**2)) for one in certainty]
    found = calibrated(judged)
    for one in (0.5, 0.7, 0.9):
        assert abs(found.probability(one) - one**2) < 0.06
    assert abs(found.threshold - 0.5) < 0.06


def test_where_all_is_right_there_is_nothing_to_calibrate() -> None:
    assert calibrated([Judged(0.7, True)] * 5).slope == 1


JUDGED = {
    "one": [Judged(0.9, True), Judged(0.4, False), Judged(0.7, True)],
    "two": [Judged(0.6, True), Judged(0.5, False)],
    "three": [Judged(0.8, True), Judged(0.3, False), Judged(0.2, True)],
}


def test_what_is_told_of_a_domain_does_not_hang_on_its_own_labels() -> None:
    found = cross_fitted(JUDGED)
    assert found["one"] == calibrated([*JUDGED["two"], *JUDGED["three"]])
    turned = {**JUDGED, "one": [Judged(one.certainty, not one.is_right) for one in JUDGED["one"]]}
    again = cross_fitted(turned)
    assert again["one"] == found["one"]
    assert again["two"] != found["two"]


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Only so many domains are held back."""
    found = held_back.domains()[:3]
    monkeypatch.setattr(held_back, "domains", lambda: found)
    return [one.domain for one in found]


def test_a_domain_is_read_with_the_calibration_that_is_found_for_it(
    three: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    thresholds = dict(zip(three, (0.0, 1.0, 0.0), strict=True))
    calibration = {name: Calibration(threshold=one) for name, one in thresholds.items()}
    monkeypatch.setattr(examining, "cross_fitted", lambda _: calibration)
    found = read_held_back(model(1).with_calibration({"request": Calibration(threshold=1.0)}))
    answered = {name: any(one.found for one in found.requests if one.domain == name) for name in three}
    assert answered == {three[0]: True, three[1]: False, three[2]: True}
    assert (len(found.requests), len(found.rejections)) == (30, 15)


def test_an_examination_changes_the_calibration_alone_and_tells_both_halves(three: list[str], tmp_path: Path) -> None:
    model(2).save(tmp_path / "before")
    told: list[str] = []
    found, figures = examined(Model.load(tmp_path / "before"), 12, told.append)
    found.save(tmp_path / "after")
    before, after = (
        {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in ("before", "after")
    )
    assert set(before) == {CONFIG, WEIGHTS, TOKENIZER}
    assert {name for name in before if before[name] != after[name]} == {CONFIG}
    assert set(Model.load(tmp_path / "after").config.calibration) == {"request", "reason", "proposal"}
    assert told[1:] == ["better than words at: nothing"]
    assert found.config.reads == ("proposal",)
    of_requests = ["exact_match", "kind_and_table_match", "refused", "false_answers", "kinds_f1"]
    names = [name for name in figures if "false_answers, " not in name]
    assert names == [
        *(f"held back: {name}" for name in (*of_requests, "reasons_f1")),
        *(f"grammar: {name}" for name in (*of_requests, "reasons_f1", "verdicts_right, of lines that are taught")),
    ]


def test_requests_and_reasons_are_calibrated_on_all_that_is_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the texts every second one is labelled with what the student says of it."""
    student = Student(model(1).with_calibration(dict.fromkeys(("request", "reason"), Calibration(threshold=0.0))))
    domains, asked, rejected = [], [], []
    for domain in held_back.domains()[:4]:
        requests, rejections = list(domain.requests), list(domain.rejections)
        for place, request in enumerate(requests):
            choosing, certainty = student.raw_request(request.text, domain.tables)
            said = choosing.operations()
            requests[place] = request.model_copy(update={"operations": said if place % 2 else ()})
            if said:
                asked.append(Judged(certainty, place % 2 == 1))
        for place, (rejection, read) in enumerate(
            zip(rejections, student.read_reasons([one.text for one in rejections]), strict=True)
        ):
            wrong = "risk" if read.value == "done" else "done"
            rejections[place] = rejection.model_copy(update={"reason": read.value if place % 2 else wrong})
            rejected.append(Judged(read.probability, place % 2 == 1))
        domains.append(domain.model_copy(update={"requests": tuple(requests), "rejections": tuple(rejections)}))
    monkeypatch.setattr(held_back, "domains", lambda: tuple(domains))
    found, figures = examined(model(1), 12, lambda _: None)
    for task, judged in (("request", asked), ("reason", rejected)):
        wanted, calibration = calibrated(judged), found.config.calibration[task]
        assert wanted != Calibration()
        assert [*calibration.model_dump().values()] == pytest.approx([*wanted.model_dump().values()], abs=1e-3)
    assert figures["held back: kinds_f1"] > 0
