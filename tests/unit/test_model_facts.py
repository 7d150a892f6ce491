"""What is told of a model by its folder alone."""

from pathlib import Path

import pytest

from inference import facts
from inference.judgement.network import INPUTS
from schemas.errors import ModelError
from tests import language_models, ranking_models
from tests.tiny_model import tiny_model


def test_a_ranking_student_is_told_with_its_weights_and_nodes(tmp_path: Path) -> None:
    found = facts.of(ranking_models.student(tmp_path))
    network = 2 * INPUTS + (INPUTS * 8 + 8) + (8 * 8 + 8) + (24 * 8 + 8) + (8 * 2 + 2)
    leaves = 2
    assert (found.kind, found.name, found.version, found.card) == ("ranking", "student", "7", None)
    assert found.parameters == network + leaves
    assert found.bytes == sum(file.stat().st_size for file in tmp_path.iterdir())


def test_a_language_student_and_a_general_model_are_told_apart(tmp_path: Path) -> None:
    language_models.model(3).save(tmp_path / "language")
    general = facts.of(tiny_model(tmp_path / "llama"))
    student = facts.of(tmp_path / "language")
    assert (student.kind, general.kind, general.name) == ("language", "mlx-lm", "llama")
    assert (student.reads, general.reads) == (("request", "reason", "proposal"), ())
    assert student.parameters == sum(value.size for value in language_models.model(3).weights.values())
    assert general.parameters > 0


def test_a_card_is_found(tmp_path: Path) -> None:
    (ranking_models.student(tmp_path) / "MODEL_CARD.md").write_text("# Card\n")
    assert facts.of(tmp_path).card == tmp_path / "MODEL_CARD.md"


@pytest.mark.parametrize("name", ["config.json", "weights.safetensors"])
def test_a_folder_that_is_not_whole_is_no_model(tmp_path: Path, name: str) -> None:
    (ranking_models.student(tmp_path) / name).write_bytes(b"\x05\0\0\0\0\0\0\0{")
    with pytest.raises(ModelError, match="is no model"):
        facts.of(tmp_path)
    with pytest.raises(ModelError, match="missing is no model"):
        facts.of(tmp_path / "missing")
