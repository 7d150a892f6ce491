"""What is committed together belongs together: labels, the models made of them, and the report on those models.

What is not there yet is skipped by its name.
"""

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from inference import facts
from inference.distill.dataset import files
from inference.distill.distillation import TRAINED
from inference.distill.labels import FOLDER as LABELS
from inference.distill.labels import MANIFEST as OF_LABELS
from inference.evaluation import manifest
from inference.evaluation.__main__ import REPORT
from inference.judgement import ranker
from inference.language.model import Model
from inference.shipped import LANGUAGE, MODELS, RANKER

MOST_BYTES = 12_000_000
LOADED: Mapping[Path, Callable[[Path], object]] = {RANKER: ranker.load, LANGUAGE: Model.load}
each_model = pytest.mark.parametrize("folder", LOADED, ids=lambda folder: folder.name)


def there(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"{path.relative_to(MODELS.parent)} is not there yet")
    return path


def of_file(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()


def of_report() -> dict[str, Any]:
    """Models are not committed without the report on them."""
    found = json.loads((REPORT / manifest.MANIFEST).read_text())
    assert isinstance(found, dict)
    return found


def test_all_models_together_take_no_more_than_a_checkout_bears() -> None:
    assert sum(file.stat().st_size for file in there(MODELS).rglob("*") if file.is_file()) <= MOST_BYTES


@each_model
def test_each_loads(folder: Path) -> None:
    assert LOADED[folder](there(folder))


@each_model
def test_each_has_a_card_that_tells_its_parameters_and_bytes(folder: Path) -> None:
    found = facts.of(there(folder))
    assert found.card is not None
    size = found.bytes - found.card.stat().st_size
    assert f"\n{found.parameters:,} parameters, matrices in int8, {size:,} bytes. Version {found.version}.\n" in (
        found.card.read_text()
    )


@each_model
def test_the_report_is_on_the_models_that_are_there(folder: Path) -> None:
    assert {"folder": folder.name, "files": manifest.digests(there(folder))} in of_report()["models"]


def test_the_report_is_on_the_labels_and_by_the_texts_that_are_there() -> None:
    there(MODELS)
    found = of_report()
    assert found["labels"] == of_file(LABELS / OF_LABELS)
    assert found["judged by"] == {folder.name: manifest.digests(folder) for folder in manifest.JUDGED_BY}
    assert found["split"] == "test"


def test_the_ranker_was_trained_on_the_labels_that_are_there() -> None:
    assert json.loads((there(RANKER) / TRAINED).read_text())["labels"] == of_file(LABELS / OF_LABELS)


def test_the_manifest_of_the_labels_names_the_files_that_are_there() -> None:
    named = json.loads(there(LABELS / OF_LABELS).read_text())
    assert {name: one["sha256"] for name, one in named.items()} == {file.name: of_file(file) for file in files(LABELS)}
