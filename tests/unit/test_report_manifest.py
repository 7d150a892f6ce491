"""The manifest of the report names what was judged, by what, and on which labels."""

import json
from hashlib import sha256
from pathlib import Path

from inference.evaluation import manifest
from tests import ranking_models


def of(content: bytes) -> str:
    return sha256(content).hexdigest()


def test_the_digests_of_a_folder_are_those_of_its_files_without_the_card(tmp_path: Path) -> None:
    for name in ("b.json", "a.npz", "MODEL_CARD.md"):
        (tmp_path / name).write_text(name)
    (tmp_path / "folder").mkdir()
    assert list(manifest.digests(tmp_path).items()) == [("a.npz", of(b"a.npz")), ("b.json", of(b"b.json"))]


def test_it_names_labels_models_and_texts_and_no_path_of_this_machine(tmp_path: Path) -> None:
    model = ranking_models.student(tmp_path / "ranker")
    (tmp_path / "manifest.json").write_text("{}")
    found = manifest.manifest(tmp_path, [model], "test")
    assert (found["labels"], found["split"]) == (of(b"{}"), "test")
    assert found["models"] == [
        {
            "folder": "ranker",
            "files": {
                name: of((model / name).read_bytes()) for name in ("config.json", "trees.npz", "weights.safetensors")
            },
        }
    ]
    assert found["judged by"] == {folder.name: manifest.digests(folder) for folder in manifest.JUDGED_BY}
    assert set(found["judged by"]) == {"texts", "proposals", "held_back", "explanations"}
    assert found["seeds"] == {"chance": 0, "intervals of rankers": 0, "intervals of readers": 5}
    assert str(tmp_path) not in json.dumps(found)


def test_labels_that_are_not_there_have_no_digest(tmp_path: Path) -> None:
    assert manifest.manifest(tmp_path, [], "validation")["labels"] is None
