"""How people write: in lower case, with typing errors, without commas, in letters that are not what they seem."""

import re
from random import Random

NEAR = {
    "a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "j": "hk",
    "k": "jl", "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o", "q": "w", "r": "et", "s": "ad", "t": "ry", "u": "yi",
    "v": "cb", "w": "qe", "x": "zc", "y": "tu", "z": "x",
}  # fmt: skip
SHORT = {
    "please": "pls", "because": "bc", "you": "u", "are": "r", "and": "&", "with": "w/", "without": "w/o",
    "table": "tbl", "column": "col", "report": "rpt", "seconds": "sec", "minutes": "min", "index": "idx",
    "something": "smth", "thanks": "thx", "tomorrow": "tmrw", "query": "qry",
}  # fmt: skip
LEET = str.maketrans("aeiot", "43107")
SEEMING = str.maketrans("aeopcx", "аеорсх")
ARTICLES = re.compile(r"\b(the|a|an) ", re.IGNORECASE)


def dressed(text: str, random: Random) -> str:
    """As one of many would type it."""
    if random.random() < 0.12:
        text = ARTICLES.sub("", text)
    if random.random() < 0.15:
        text = " ".join(SHORT.get(word, word) for word in text.split(" "))
    if random.random() < 0.25:
        for _ in range(random.randint(1, 3)):
            text = _mistyped(text, random)
    style = random.random()
    if style < 0.35:
        text = text.lower()
    elif style < 0.39:
        text = text.upper()
    else:
        text = re.sub(r"(^|[.?!] +)([a-z])", lambda found: found[1] + found[2].upper(), text)
    if random.random() < 0.2:
        text = re.sub(r"[,.;]", "", text) or text
    elif random.random() < 0.5 and text[-1:].isalnum():
        text += random.choice(".!.")
    return text


def disguised(text: str, random: Random) -> str:
    """As somebody spells it who hides it from a reader."""
    way = random.randrange(3)
    if way == 0:
        return text.translate(LEET)
    return text.translate(SEEMING) if way == 1 else " ".join(text)


def _mistyped(text: str, random: Random) -> str:
    """One letter lost, doubled, exchanged with the next, or with its neighbour on the keyboard."""
    places = [place for place, char in enumerate(text[:-1]) if char.isalpha()]
    if not places:
        return text
    place = random.choice(places)
    char, after = text[place], text[place + 1]
    made = random.choice(["", char * 2, after + char, random.choice(NEAR.get(char.lower(), "e"))])
    return text[:place] + made + text[place + (2 if made == after + char else 1) :]
