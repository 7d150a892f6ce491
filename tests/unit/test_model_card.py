"""The card beside a model's weights says what is in the folder."""

from pathlib import Path

from inference import facts
from inference.distill import model_card
from tests import ranking_models


def test_a_card_tells_parameters_data_figures_limits_and_licence(tmp_path: Path) -> None:
    folder = ranking_models.student(tmp_path)
    size = sum(file.stat().st_size for file in folder.iterdir())
    model_card.write(
        folder,
        "A student",
        purpose="Ranks.",
        taught={"lists": {"train": 1200, "validation": 300}, "rate": 1e-4},
        figures={"regret@1 on validation": 0.0421},
        limits="- Few.",
        licence="Apache-2.0.",
    )
    card = facts.of(folder).card
    assert card is not None
    assert card.read_text() == (
        "# A student\n\nRanks.\n\n"
        f"1,140 parameters, matrices in int8, {size:,} bytes. Version 7.\n\n"
        "## What it was taught with\n\n"
        "|  |  |\n|---|---|\n| lists | train 1,200, validation 300 |\n| rate | 0.0001 |\n\n"
        "## How good it is\n\nOn what was held back:\n\n"
        "| figure | value |\n|---|---|\n| regret@1 on validation | 0.042 |\n\n"
        "Who judges best, on domains and texts that nothing here has seen: `inference/evaluation/report`.\n\n"
        "## Limits\n\n- Few.\n\n## Licence\n\nApache-2.0.\n"
    )
    again = card.read_text()
    model_card.write(folder, "A student", purpose="Ranks.", taught={}, figures={}, limits="", licence="")
    assert f"{size:,} bytes" in again
    assert f"{size:,} bytes" in card.read_text(), "the card itself does not count"
