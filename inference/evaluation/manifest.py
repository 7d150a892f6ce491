"""What a report was made of: by its manifest, what is committed beside it can be told to be that, or something else."""

import platform
from collections.abc import Sequence
from datetime import date
from hashlib import file_digest
from importlib import metadata
from pathlib import Path

from ..distill import held_back
from ..distill.domains import Split
from ..distill.labels import MANIFEST as OF_LABELS
from ..facts import CARD
from . import contenders, explained, proposals, ranking, scoring, texts

MANIFEST = "manifest.json"
JUDGED_BY = (texts.FOLDER, proposals.FOLDER, held_back.FOLDER, explained.FOLDER)
VERSIONS = ("mlx", "numpy", "scikit-learn", "tokenizers")


def manifest(labels: Path, models: Sequence[Path], split: Split) -> dict[str, object]:
    """Of models the names of their folders, without the way there; None for labels that are not there."""
    of_labels = labels / OF_LABELS
    return {
        "date": date.today().isoformat(),
        "split": split,
        "labels": digest(of_labels) if of_labels.exists() else None,
        "models": [{"folder": folder.name, "files": digests(folder)} for folder in models],
        "judged by": {folder.name: digests(folder) for folder in JUDGED_BY},
        "seeds": {
            "chance": contenders.SEED,
            "intervals of rankers": ranking.SEED,
            "intervals of readers": scoring.SEED,
        },
        "versions": {"Python": platform.python_version(), **{name: metadata.version(name) for name in VERSIONS}},
    }


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file, but of the card, which tells of the others."""
    return {file.name: digest(file) for file in sorted(folder.iterdir()) if file.is_file() and file.name != CARD}


def digest(file: Path) -> str:
    with open(file, "rb") as content:
        return file_digest(content, "sha256").hexdigest()
