"""The models that come with this release."""

from pathlib import Path

MODELS = Path(__file__).parent / "models"
RANKER = MODELS / "ranker"
LANGUAGE = MODELS / "language"
