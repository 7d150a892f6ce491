"""The card of a model: what it is, what it was taught with, how good it is, and what not to expect of it.

Written beside the weights by whatever makes them, so that it says what is in the folder.
"""

from collections.abc import Mapping
from pathlib import Path

from .. import facts
from ..evaluation.markdown import table
from ..facts import CARD

REPORT = "Who judges best, on domains and texts that nothing here has seen: `inference/evaluation/report`."

RANKING = """\
Says of each candidate change of a list how much it would rather try it than do nothing, and the calibrated probability
that it gains. It sees figures of the pattern, the catalog and the action, and what boosted trees say of them."""
RANKING_LIMITS = """\
- It moves what is tried first, and never what is suggested: a clone is measured.
- It learned from databases that were generated, of 3 million rows, warm and in memory, on one machine and one version
  of DuckDB; how often a query runs was drawn.
- Another version of the features refuses to load it."""
LANGUAGE = """\
Reads a request into operations on the tables it is given, the reason of a rejection into a class, and a proposal of
another domain into an answer by its contract. Each answer is one of those enumerated, with a calibrated probability;
below a threshold it is "not understood". It writes no text."""
LANGUAGE_LIMITS = """\
- English alone. Of a text the first 256 word pieces are read, of a catalog 40 tables and 48 columns of each that share
  most words with it.
- It learned from sentences made by a grammar on invented catalogs; people write otherwise, which the report shows.
- Its verdicts on proposals imitate one policy of contracts."""
LICENCE = """\
Apache-2.0, as the rest of the repository."""
PRETRAINED = """\
Apache-2.0. It begins with layers of all-MiniLM-L6-v2 (sentence-transformers, Apache-2.0), which was itself distilled
from public texts by others."""


def write(
    folder: Path,
    title: str,
    *,
    purpose: str,
    taught: Mapping[str, object],
    figures: Mapping[str, object],
    limits: str,
    licence: str,
) -> None:
    """Into the folder, which holds the rest of the model."""
    one = facts.of(folder)
    size = sum(file.stat().st_size for file in folder.iterdir() if file.name != CARD)
    parts = [
        f"# {title}",
        purpose,
        f"{one.parameters:,} parameters, matrices in int8, {size:,} bytes. Version {one.version}.",
        "## What it was taught with",
        table(["", ""], [[name, _told(value)] for name, value in taught.items()]),
        "## How good it is",
        "On what was held back:",
        table(["figure", "value"], [[name, _told(value)] for name, value in figures.items()]),
        REPORT,
        "## Limits",
        limits,
        "## Licence",
        licence,
    ]
    (folder / CARD).write_text("\n\n".join(parts) + "\n")


def _told(value: object) -> str:
    match value:
        case float():
            return f"{value:.3f}" if not 0 < abs(value) < 0.001 else f"{value:g}"
        case int():
            return f"{value:,}"
        case Mapping():
            return ", ".join(f"{name} {_told(one)}" for name, one in value.items())
    return str(value)
