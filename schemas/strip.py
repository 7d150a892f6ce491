"""The text of a statement without its data; ``fingerprint`` says what that is."""

from .dialect import KEYWORDS, KINDS, MODIFIERS, OBJECTS, WANTS_CONSTANTS
from .lexer import END, Token
from .removed import Removed
from .walk import Walk, is_parameter


def strip(statement: list[Token], removed: Removed, *, quoted: bool) -> tuple[list[str], str]:
    """The pieces of one statement's text without data, and its kind.

    ``quoted`` makes all placeholders strings.
    """
    first = verb = statement[0][0].upper()
    kind = KINDS.get(verb) or (_main_kind(statement) if verb in ("", "WITH") else "other")
    if verb in ("CREATE", "EXPLAIN", "PRAGMA", "SET"):
        words = [token[0].upper() for token in statement[:10]]
        while len(words) > 1 and words[0] in ("EXPLAIN", "ANALYZE"):
            del words[0]
        verb = words[0]
        if verb == "CREATE":
            rest = [word for word in words if word not in MODIFIERS]
            verb = f"CREATE-{rest[0]}" if rest and rest[0] in OBJECTS else "CREATE-"
        if verb == "CREATE-SECRET":
            return _secret(statement, removed), kind
        if verb in ("PRAGMA", "SET") and words[1:2] != ["VARIABLE"]:
            return _setting(statement, removed), kind
    quoted = quoted or verb in WANTS_CONSTANTS
    pieces = Walk(statement, verb, removed, quoted).run()
    if first in KINDS and pieces[0].upper() == first:
        pieces[0] = first
    return pieces, kind


def _main_kind(statement: list[Token]) -> str:
    """The kind of a statement that begins with WITH or a bracket."""
    depth = 0
    for word, operator, _, _ in statement:
        depth += (operator == "(") - (operator == ")")
        if word and not depth and word.upper() in KINDS:
            return KINDS[word.upper()]
    return "select"


def _text(token: Token) -> str:
    return token[0] or token[1] or token[2]


def _whole(found: list[Token], removed: Removed) -> str:
    """The placeholder of a value that is removed whatever it is made of."""
    texts = [removed.value(_text(token)) if is_parameter(token[2]) else _text(token) for token in found]
    return f"'{removed.take(' '.join(texts))}'"


def _setting(statement: list[Token], removed: Removed) -> list[str]:
    """SET and PRAGMA, whose values may be secrets in any form."""
    for index, token in enumerate(statement):
        text = _text(token).upper()
        if text == "=" or (text == "TO" and index > 1):
            name = [_text(token) for token in statement[:index]]
            return [name[0].upper(), *name[1:], "=", _whole(statement[index + 1 :], removed)]
        if text == "(":
            break
    return Walk(statement, "", removed, quoted=True).run()


def _secret(statement: list[Token], removed: Removed) -> list[str]:
    """CREATE SECRET, of whose options only the names are kept."""
    out: list[str] = []
    option: list[Token] = []
    depth = 0
    for token in [*statement, END]:
        text = _text(token)
        depth -= text in (")", "]", "}")
        if token != END and (depth > 1 or (depth == 1 and text != ",")):
            option.append(token)
        else:
            if option and option[0][0]:
                out.append(_text(option.pop(0)))
            if option:
                out.append(_whole(option, removed))
                option = []
            if token[2]:
                out.append(_whole([token], removed))
            elif text:
                out.append(text.upper() if text.upper() in KEYWORDS else text)
        depth += text in ("(", "[", "{")
    return out
