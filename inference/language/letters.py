"""A text in the letters that it seems to be written in."""

import unicodedata

MOST_CHARACTERS = 4_000
"""Of a text. What follows is not read."""
LATIN = str.maketrans(
    "авеіјкмнорсѕтухԁɡοαενικτρυΑΒΕΖΗΙΚΜΝΟΡΤΥΧАВЕЅІЈКМНОРСТХ",
    "abeijkmhopcstyxdgoaeviktpuABEZHIKMNOPTYXABESIJKMHOPCTX",
)
"""Letters of other scripts that look as Latin ones do."""


def plain(text: str) -> str:
    """In the letters that it seems to be written in, without marks that cannot be seen, cut to MOST_CHARACTERS."""
    folded = unicodedata.normalize("NFKC", text[:MOST_CHARACTERS]).translate(LATIN)
    return "".join(char for char in folded if unicodedata.category(char) not in {"Cf", "Cs", "Co"})[:MOST_CHARACTERS]
