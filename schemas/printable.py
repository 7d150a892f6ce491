"""Texts of others, as a person may see them."""


def one_line(text: str) -> str:
    """None of it ends a line, moves the cursor or is a character that XML has no way to write."""
    return "".join(one if one.isprintable() else " " for one in text)
