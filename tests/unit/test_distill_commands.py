"""The steps of `make distill` after the labels, one after the other as it calls them, on what is small."""

import json
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest

from inference import facts
from inference.distill import boosting, pretrained, schooling, train, training
from inference.distill.distillation import Plan as RankingPlan
from inference.distill.domains import SPLITS
from inference.distill.labels import write_manifest
from inference.distill.pretrained import Pretrained
from inference.distill.teaching import Plan
from inference.evaluation import __main__ as evaluation
from inference.evaluation import manifest, reporting, texts
from inference.evaluation.ranking_report import DOMAINS, SIMPLEST_FIRST
from inference.judgement import ranker
from inference.judgement.ranker import Student
from inference.language.model import Model
from schemas.errors import InputError
from tests.language_models import SHAPE, encoder_weights, tokenizer
from tests.ranking_models import student
from tests.unit.test_distill_dataset import all_measured
from tests.unit.test_language_report import DOMAINS as OF_TEXTS
from tests.unit.test_ranking_report import table
from tests.unit.test_training import lists

WHOLE = SHAPE.model_copy(update={"positions": 128})
SMALL = Plan(steps=4, batch=2, alone=0.25, soft_every=2)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(boosting.SHAPE, "max_iter", 5)
    monkeypatch.setattr(training, "Plan", partial(RankingPlan, width=8, epochs=2))
    monkeypatch.setattr(pretrained, "fetched", lambda _: Pretrained(WHOLE, encoder_weights(0, WHOLE), tokenizer()))
    for name, value in (("LAYERS", (1,)), ("PIECES", 100), ("POSITIONS", 40), ("TEXTS_FOR_PIECES", 60)):
        monkeypatch.setattr(schooling, name, value)


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Two domains to learn from, and one of each other split."""
    folder = tmp_path / "labels"
    folder.mkdir()
    for name, split in (("a", "train"), ("b", "train"), ("c", "validation"), ("d", "test")):
        all_measured(8).model_copy(update={"database": name, "domain": name, "split": split}).save(folder)
    write_manifest(folder)
    return folder


@pytest.mark.usefixtures("small")
def test_train_makes_of_the_labels_a_ranker_that_says_what_it_was_made_of(labels: Path, tmp_path: Path) -> None:
    train.main(labels, tmp_path / "ranker", "3")
    made = ranker.load(tmp_path / "ranker")
    assert isinstance(made, Student)
    assert made.version.startswith("3+")
    told = json.loads((tmp_path / "ranker" / "training.json").read_text())
    assert told["labels"] == sha256((labels / "manifest.json").read_bytes()).hexdigest()
    assert (told["teacher"], told["plan"]["width"], sorted(told["lists"])) == ("oracle", 8, ["train", "validation"])
    assert told["lists"]["train"] == 2 * told["lists"]["validation"] > 0
    card = facts.of(tmp_path / "ranker").card
    assert card is not None
    assert "| domains | train 2, validation 1 |" in card.read_text()


@pytest.mark.usefixtures("small")
def test_a_course_ends_with_a_model_that_is_calibrated_and_has_a_card(tmp_path: Path) -> None:
    course, to = tmp_path / "course", tmp_path / "language"
    schooling.run(course, to, SMALL, 24)
    model = Model.load(to)
    assert (model.config.name, model.config.shape.layers) == (schooling.NAME, 1)
    assert set(model.config.calibration) == {"request", "reason", "proposal"}
    told = json.loads((course / "manifest.json").read_text())
    assert (told["lessons"], told["texts"], told["cut"]["layers"]) == (4, 8, [1])
    assert "held back: false_answers" in told["figures"]
    assert model.config.reads == ("proposal",), "what knows nothing is no better than words"
    card = facts.of(to).card
    assert card is not None
    assert "| lessons | 4 |" in card.read_text()
    before = {name: value.tolist() for name, value in model.weights.items()}
    schooling.run(course, to, SMALL, 24)
    assert {name: value.tolist() for name, value in Model.load(to).weights.items()} == before, (
        "nothing was left to teach"
    )
    with pytest.raises(InputError, match="holds a course with another plan"):
        schooling.run(course, to, Plan(steps=5), 24)


@pytest.mark.usefixtures("small")
def test_the_report_is_on_a_ranker_and_a_student_with_what_it_was_made_of(
    labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    every = [
        one._replace(domain=f"{split} {row // 12}")
        for split, count in zip(SPLITS, (DOMAINS - 2, 2, 2), strict=True)
        for row, one in enumerate(lists(12 * count, split, 1))
    ]
    asked = set[str]()

    def examples(folder: Path, splits: set[str]) -> list[object]:
        asked.update(splits)
        return [one for one in every if one.split in splits]

    monkeypatch.setattr(reporting, "examples", examples)
    monkeypatch.setattr(texts, "domains", lambda: tuple(OF_TEXTS))
    ranking = student(tmp_path / "ranker")
    plan = RankingPlan(width=8, epochs=2)
    told_by = {name: getattr(plan, name) for name in RankingPlan.__slots__}
    (ranking / "training.json").write_text(json.dumps({"plan": told_by}))
    language = tmp_path / "language"
    schooling.run(tmp_path / "course", language, SMALL, 24)
    capsys.readouterr()
    evaluation.main(labels=labels, ranker=ranking, language=[language], served="", served_model="",
                    folder=tmp_path / "report", split="test")  # fmt: skip
    assert asked == set(SPLITS)
    text = (tmp_path / "report" / "REPORT.md").read_text()
    assert capsys.readouterr().out.endswith(f"{text}\n")
    default = text[text.index("### The default") :]
    assert f"on the {DOMAINS} domains for training and for validation together" in default
    assert any(f"the simplest is **{name}**." in default for name in SIMPLEST_FIRST)
    certain = table(text[text.index("### How certain readers are") :], "reader")[2:]
    assert [row[:2] for row in certain] == [[schooling.NAME, task] for task in ("request", "reason", "proposal")]
    [takes] = table(text[text.index("### What readers take") :], "reader")[2:]
    assert takes[0] == schooling.NAME
    made_of = json.loads((tmp_path / "report" / "manifest.json").read_text())
    assert made_of["models"] == [{"folder": one.name, "files": manifest.digests(one)} for one in (ranking, language)]
    assert made_of["labels"] == sha256((labels / "manifest.json").read_bytes()).hexdigest()
    found = sorted(file.name for file in (tmp_path / "report").iterdir())
    assert found == ["REPORT.md", "calibration.svg", "manifest.json", "regret.svg"]
