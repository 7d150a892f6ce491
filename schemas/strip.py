"""Takes the data out of the tokens of a statement; ``fingerprint`` says what is data."""

import re
from hashlib import blake2b

from . import dialect
from .dialect import AFTER_AS, CLAUSES, CONSTANTS, KEYWORDS, KINDS, NAMES_TOO, UNITS
from .lexer import END, Token
from .literal import literal

# What a bracket holds. The last two are lists, of which one item is kept; the placeholders in a list of CONSTANTS
# are strings.
_PLAIN, _STRUCT, _TYPE, _ROW, _LIST, _NAMED = range(6)

PLACEHOLDER = re.compile(r"\$[0-9]+|'\$[0-9]+'")
FILE_ID = re.compile(r"@(?:file|url):[0-9a-f]{12}(?:\.[a-z0-9]+)*")
INTERVAL = re.compile(r"'\s*[-+]?[0-9.]+\s*([A-Za-z]+)\s*'")

_SUFFIXES = "|".join(dialect.SUFFIXES)
_SUFFIX = re.compile(rf"(?:\.(?:{_SUFFIXES}))+(?=[?#]|$)", re.IGNORECASE)
_PATH = re.compile(rf"""["`](?:[.~]*/|[A-Z]:[\\/])|://|\.(?:{_SUFFIXES})["`?]""", re.IGNORECASE)
_REMOTE = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]+://|md:")
_SENSITIVE = re.compile("KEY|SECRET|PASS|TOKEN|CREDENTIAL", re.IGNORECASE)

_GLUE = "\1"  # marks a bracket that belongs to the name before it
_ARROWS = frozenset(("->", "->>"))
_BEFORE_ITEM = frozenset(("(", "[", ",", _GLUE + "(", _GLUE + "["))
_AFTER_ITEM = frozenset((",", ")", "]"))
_BEFORE_DATA = frozenset("= < > <= >= <> != == || AND BETWEEN ELSE ILIKE LIKE SELECT THEN WHEN WHERE".split())
_GROUPING = frozenset(("BY", ",", "(", _GLUE + "(", "ROLLUP", "CUBE", "SETS"))
_AFTER_KEYWORD = frozenset(("", "(", "[", "{", "*", "-", "+"))
_PLAIN_KEYWORDS = KEYWORDS - NAMES_TOO - dialect.BEFORE_LITERALS - CONSTANTS - set(CLAUSES)
_OPENING = frozenset("([{")
_CLOSING = frozenset(")]}")
_QUOTES = frozenset('"`')


class Removed:
    """What was taken out of a text."""

    __slots__ = ("_complete", "_literals", "_parameters", "_position", "_salt", "_tails", "files", "kept")

    def __init__(self, parameters: object, salt: bytes) -> None:
        self._parameters: dict[object, object] = {}
        if isinstance(parameters, dict):
            self._parameters = parameters
        elif isinstance(parameters, list | tuple):
            self._parameters = {str(number): value for number, value in enumerate(parameters, 1)}
        self._salt = salt
        self._position = 0
        self._complete = True
        self._literals: list[str] = []
        self._tails: dict[int, list[str]] = {}
        self.files: dict[str, str] = {}
        self.kept: list[str] = []  # strings whose case is part of the shape

    def literals(self) -> tuple[str, ...] | None:
        """In the order of their placeholders; None if a parameter's value is not known."""
        if not self._complete:
            return None
        return tuple(map(self._text, range(len(self._literals))) if self._tails else self._literals)

    def take(self, text: str) -> str:
        """Removes a literal and returns its placeholder."""
        self._literals.append(text)
        return f"${len(self._literals)}"

    def extend(self, text: str) -> None:
        self._literals[-1] += text

    def value(self, parameter: str) -> str:
        """The literal of a parameter's value, or the parameter itself where that is not known."""
        name = parameter[1:]
        if not name:
            self._position += 1
            name = str(self._position)
        text = literal(self._parameters.get(name, _UNKNOWN))
        if text is None:
            self._complete = False
            return parameter
        return f"({text})" if text[0] == "-" else text

    def file(self, path: str) -> str:
        """The salted id of a path; an id is its own."""
        if path in ("", ":memory:") or FILE_ID.fullmatch(path):
            return path
        key = self._salt + b"\0" + path.encode("utf-8", "surrogatepass")
        place = "url" if _REMOTE.match(path) else "file"
        suffix = _SUFFIX.search(path)
        name = f"@{place}:{blake2b(key, digest_size=6).hexdigest()}{suffix[0].lower() if suffix else ''}"
        self.files[name] = path
        return name

    def absorb(self, out: list[str], before: int, start: int) -> bool:
        """Drops the item ``out[start:]`` and its comma if it has the form of ``out[before : start - 1]``.

        Its text, and what lies between the two, joins the literal of the last placeholder.
        """
        literals = self._literals
        if (
            start == before + 2
            and out[before][0] == "$"
            and out[start:]
            and out[-1][0] == "$"
            and len(out) == start + 1
        ):
            first = len(literals) - 1  # two constants
            tail = ", " + self._text(first)
        else:
            item, last = out[start:], out[before : start - 1]
            if len(item) != len(last):
                return False
            end = count = 0
            for index, piece in enumerate(item):
                if piece != last[index]:
                    if not (_is_placeholder(piece) and _is_placeholder(last[index])):
                        return False
                    end = index + 1
                    count += 1
            if not count:
                return False
            first = len(literals) - count
            texts = map(self._text, range(first, len(literals)))
            tail = spaced([*last[end:], ",", *(next(texts) if _is_placeholder(p) else p for p in item[:end])])
        self._tails.setdefault(first - 1, []).append(tail)
        del out[start - 1 :], literals[first:]
        return True

    def _text(self, index: int) -> str:
        tail = self._tails.pop(index, None)
        return self._literals[index] + "".join(tail) if tail else self._literals[index]


_UNKNOWN = object()


def strip(statement: list[Token], removed: Removed, *, quoted: bool) -> tuple[list[str], str]:
    """The pieces of one statement's text without data, and its kind.

    ``quoted`` makes all placeholders strings.
    """
    verb = statement[0][0].upper()
    kind = KINDS.get(verb) or (_main_kind(statement) if verb in ("", "WITH") else "other")
    if verb in ("CREATE", "EXPLAIN", "PRAGMA", "SET"):
        words = [token[0].upper() for token in statement[:10]]
        while len(words) > 1 and words[0] in ("EXPLAIN", "ANALYZE"):
            del words[0]
        verb = words[0]
        if verb == "CREATE":
            verb = "CREATE-" + next((word for word in words if word in dialect.OBJECTS), "")
        if verb == "CREATE-SECRET":
            return _secret(statement, removed), kind
        if verb in ("PRAGMA", "SET") and words[1:2] != ["VARIABLE"]:
            return _setting(statement, removed), kind
    quoted = quoted or verb in dialect.WANTS_CONSTANTS
    return _Walk(statement, verb, removed, quoted).run(), kind


def spaced(pieces: list[str]) -> str:
    """The text of pieces, as a person would write it. No piece may hold a NUL."""
    text = "\0".join(pieces)
    for found, written in _SPACING:
        text = text.replace(found, written)
    return text


_SPACING = (
    ("\0" + _GLUE, ""),
    ("(\0", "("),
    ("\0)", ")"),
    ("[\0", "["),
    ("\0]", "]"),
    ("{\0", "{"),
    ("\0}", "}"),
    ("\0,", ","),
    (")\0.\0", ") ."),
    ("]\0.\0", "] ."),
    ("\0.\0", "."),
    ("\0::\0", "::"),
    ("\0:\0", ": "),
    ("\0", " "),
)


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
    texts = [removed.value(_text(token)) if _is_parameter(token[2]) else _text(token) for token in found]
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
    return _Walk(statement, "", removed, quoted=True).run()


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
            if option and not option[0][2]:
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


def _is_parameter(string: str) -> bool:
    return string[:1] == "?" or (string[:1] == "$" and "$" not in string[1:])


def _is_placeholder(piece: str) -> bool:
    return piece[0] == "$" or (piece[:2] == "'$" and piece[2:-1].isdecimal())


def _is_name(piece: str) -> bool:
    """Whether a piece can name something: a column, a function, a type."""
    return (piece[-1:].isalnum() or piece[-1:] in ("_", '"', "`")) and piece not in KEYWORDS and piece[0] != "$"


def _is_unary(out: list[str]) -> bool:
    """Whether the sign at the end has nothing to its left to work on."""
    left = out[-2] if len(out) > 1 else "("
    if left[-1].isalnum() or left[-1] in "_$":
        return left in KEYWORDS and left not in dialect.OPERANDS
    return left[-1] not in ")]}'\"`"


class _Frame:
    """A bracket that is open, or the statement itself."""

    __slots__ = ("argument", "before", "clause", "form", "function", "opened", "start", "step")

    def __init__(self, form: int, clause: str, function: str, argument: int, step: int, opened: int) -> None:
        self.form = form
        self.clause = clause  # the last one that was begun
        self.function = function  # that is called, in small letters
        self.argument = argument  # its number, from 0
        self.step = step  # what a comma adds to that
        self.opened = opened  # the place of the bracket
        self.start = opened + 1  # of a list: where the item begins, and where the one before it began
        self.before = -1


class _Walk:
    """One pass over the tokens of a statement."""

    __slots__ = ("_closed", "_found", "_frame", "_kept", "_out", "_quoted", "_removed", "_rest", "_stack", "_verb")

    def __init__(self, statement: list[Token], verb: str, removed: Removed, quoted: bool) -> None:
        self._out = ["", ""]  # so that there always are two pieces to look back at
        self._found = [*statement, END, END, END, END, END]
        self._rest = enumerate(statement)
        self._verb = verb
        self._removed = removed
        self._quoted = quoted
        self._kept: dict[int, str] = {}
        self._stack: list[_Frame] = []
        self._frame = self._closed = _Frame(_PLAIN, "", "", 0, 1, 1)

    def run(self) -> list[str]:
        """The pieces of the statement's text."""
        out = self._out
        append = out.append
        for index, (word, operator, string, _) in self._rest:
            if word:
                upper = word.upper()
                if upper not in KEYWORDS:
                    append(self._name(word) if self._quoted or word[0] in _QUOTES else word)
                elif out[-1] == "." or (out[-1] == "AS" and upper not in AFTER_AS):
                    append(word)
                elif upper in _PLAIN_KEYWORDS:
                    append(upper)
                else:
                    append(self._keyword(upper, word, index))
            elif operator:
                if operator == ",":
                    frame = self._frame
                    frame.argument += frame.step
                    if frame.form >= _LIST:
                        self._end_item()
                    append(",")
                elif operator in _OPENING:
                    self._open(operator, index)
                elif operator in _CLOSING:
                    self._close(operator)
                else:
                    if operator == "." and out[-1][:1] == "$":
                        out[-1] += " "  # for sqlglot, which reads $1.f($2 as a dollar tag
                    append(operator)
            else:
                self._literal(string, index)
        self._removed.kept += [
            string for place, string in sorted(self._kept.items()) if out[place : place + 1] == [string]
        ]
        return out[2:]

    def _name(self, word: str) -> str:
        quote = word[0]
        if quote in _QUOTES:
            if _PATH.search(word):
                path = self._removed.file(word[1:-1].replace(quote * 2, quote))
                return quote + path.replace(quote, quote * 2) + quote
        elif self._verb in dialect.TAKES_OPTIONS and self._out[-2] in _BEFORE_ITEM and _SENSITIVE.search(self._out[-1]):
            return self._placeholder(word)  # ENCRYPTION_KEY abc
        return word

    def _keyword(self, upper: str, word: str, index: int) -> str:
        """A keyword that may be a name, or that says something about what follows it."""
        frame, before = self._frame, self._out[-1]
        if upper in NAMES_TOO and self._found[index + 1][1] not in _AFTER_KEYWORD:
            return word
        if upper in CLAUSES:
            if before == "DISTINCT" or (upper == "FROM" and frame.function in dialect.NO_TABLES):
                return upper  # DISTINCT ON, IS DISTINCT FROM, trim(... FROM ...)
            frame.clause = CLAUSES[upper]
            frame.form = _PLAIN  # it is a subquery
            frame.before = -1
        elif upper in CONSTANTS:
            if frame.form >= _ROW and before in _BEFORE_ITEM and self._found[index + 1][1] in _AFTER_ITEM:
                return self._placeholder(upper)
        elif upper == "SAMPLE":
            if before != "USING":
                return word
            frame.clause = "SAMPLE"
        elif upper in dialect.BEFORE_LITERALS:
            _, operator, string, _ = self._found[index + 1]
            return upper if string or operator == "(" or before == "AS" else word
        elif upper == "PERCENT":  # LIMIT $1 PERCENT does not parse
            return "%" if before[:1] == "$" and self._out[-2] == "LIMIT" else word
        return upper

    def _end_item(self) -> None:
        """A comma comes in a list."""
        frame, out = self._frame, self._out
        if frame.before < 0 or not self._removed.absorb(out, frame.before, frame.start):
            frame.before = frame.start
        frame.start = len(out) + 1

    def _open(self, bracket: str, index: int) -> None:
        out = self._out
        before = out[-1]
        named = before in dialect.CALLED or _is_name(before)
        if bracket == "(":
            if before == "INTERVAL" and self._number_of_units(index):
                return
            frame = self._parenthesis(before, named)
        elif bracket == "{":
            frame = _Frame(_PLAIN if before.upper() == "MAP" else _STRUCT, "", "", 0, 1, len(out))
            named = False
        else:
            after = named or before[:1] == "$" or before[-1:] in (")", "]", "}", "'")
            frame = self._subscript() if after else self._list()
        self._stack.append(self._frame)
        self._frame = frame
        out.append(_GLUE + bracket if named else bracket)

    def _parenthesis(self, before: str, named: bool) -> _Frame:
        out, outer = self._out, self._frame
        opened = len(out)
        clause = function = ""
        form = _PLAIN
        argument = 0
        if outer.clause == "SAMPLE":
            clause = "SAMPLE"
        if named:
            name = before.upper()
            function = before.lower()
            argument = int(out[-2] == "." and out[-3].lower() not in dialect.SCHEMAS)  # 1 in a.f(b)
            if name == "ENUM":
                form = _NAMED
            elif outer.form == _TYPE or out[-2] == "::" or name in dialect.SIZED_TYPES:
                form = _TYPE
            elif outer.clause == "BY" and name in _GROUPING:
                clause = "BY"
        elif before == "IN":
            form = _LIST
        elif outer.clause == "VALUES" and before in ("VALUES", ","):
            form = _ROW
            outer.start = opened
        elif before in _BEFORE_ITEM:
            if outer.form >= _LIST:
                form = _ROW
            elif outer.clause in ("BY", "FROM"):
                clause = outer.clause
        elif before in ("BY", "FROM", "JOIN"):
            clause = outer.clause
        elif before == "ON" and out[-2] == "DISTINCT":
            clause = "BY"
        elif before == "INTERVAL":
            function, argument = outer.function, outer.argument
        return _Frame(form, clause, function, argument, 1, opened)

    def _subscript(self) -> _Frame:
        out, outer = self._out, self._frame
        typed = (
            outer.form == _TYPE
            or (self._closed.form == _TYPE and out[-1] in (")", "]"))
            or out[-2] == "::"
            or (out[-2] == "AS" and (outer.function in ("cast", "try_cast") or self._verb == "CREATE-TYPE"))
            or (self._verb in ("CREATE-TABLE", "CREATE-TYPE", "ALTER") and _is_name(out[-2]))
        )
        return _Frame(_TYPE if typed else _PLAIN, "", "", 0, 0, len(out))

    def _list(self) -> _Frame:
        out, outer = self._out, self._frame
        form = _NAMED if outer.form == _NAMED else _LIST
        if out[-1] in _ARROWS:
            return _Frame(form, "", "json_extract", 1, 0, len(out))
        return _Frame(form, "", outer.function, outer.argument, 0, len(out))

    def _close(self, bracket: str) -> None:
        out, frame = self._out, self._frame
        if frame.form >= _LIST and frame.before >= 0:
            self._removed.absorb(out, frame.before, frame.start)
        out.append(bracket)
        if not self._stack:
            return  # one too many
        self._closed, self._frame = frame, self._stack.pop()
        outer = self._frame
        if (
            outer.clause == "VALUES"
            and frame.form == _ROW
            and (outer.before < 0 or not self._removed.absorb(out, outer.before, outer.start))
        ):
            outer.before = outer.start

    def _literal(self, string: str, index: int) -> None:
        following = self._found[index + 1]
        before = self._out[-1]
        if string[0] in _DIGITS:
            if self._is_shape(before, following):
                self._out.append(string)
            elif before == "INTERVAL" and following[0].lower() in UNITS:
                self._interval(string, following[0])
                next(self._rest)
            else:
                self._data(string)
        elif _is_parameter(string):
            self._data(self._removed.value(string))
        elif before in _BEFORE_DATA or (
            before in _BEFORE_ITEM and self._frame.form >= _ROW and not self._frame.function
        ):
            self._data(string)
        elif index and _is_string(self._found[index - 1][2]):
            self._removed.extend("\n" + string)  # strings on lines of their own are one
        elif string[0] == "'" and self._keep(string, before, following):
            pass
        elif before == "INTERVAL":
            self._interval_of_string(string, following)
        elif start := self._type(before):
            self._typed(string, start, following)
        else:
            self._data(string)

    def _placeholder(self, text: str) -> str:
        """Takes a literal out; a string where the grammar has no parameters."""
        placeholder = self._removed.take(text)
        frame, before = self._frame, self._out[-1]
        if (
            self._quoted
            or frame.form in (_NAMED, _TYPE)
            or (before in (":=", "AS") and self._verb in _MACRO and frame.clause == "")
            or (frame.function == "extract" and before == _GLUE + "(")
        ):
            return f"'{placeholder}'"
        return placeholder

    def _data(self, text: str) -> None:
        out = self._out
        while out[-1] in ("-", "+") and _is_unary(out):
            sign = out.pop()
            text = f"{sign} {text}" if text[0] == sign else sign + text  # "--" would open a comment
        out.append(self._placeholder(text))

    def _is_shape(self, before: str, following: Token) -> bool:
        """Whether a number here makes the shape."""
        frame = self._frame
        if frame.clause == "BY" and before in _GROUPING:
            return following[1] in _AFTER_ITEM or following == END or following[0].upper() in dialect.AFTER_ORDINAL
        return (
            frame.form == _TYPE
            or frame.clause == "SAMPLE"
            or before in ("#", "NEAREST")
            or (before in _ARROWS and not self._is_lambda())
            or (frame.function == "time_bucket" and not frame.argument and "INTERVAL" in (before, self._out[-2]))
        )

    def _is_lambda(self) -> bool:
        out = self._out
        return (
            out[-1] == "->" and self._frame.function in dialect.LAMBDAS and (out[-3] in _BEFORE_ITEM or out[-2] == ")")
        )

    def _keep(self, string: str, before: str, following: Token) -> bool:
        """Keeps a string that makes the shape, or names a file."""
        if string[-1] != "'" or len(string) == 1 or _is_placeholder(string) or _is_string(following[2]):
            return False
        if self._is_path(before, following):
            path = self._removed.file(string[1:-1].replace("''", "'"))
            self._out.append("'" + path.replace("'", "''") + "'")
            self._quoted = self._quoted or (self._verb == "COPY" and not self._stack)
            return True
        frame = self._frame
        exact = True
        if following[1] == ":" and frame.form == _STRUCT and before in ("{", ","):
            kept = True
        elif before in _ARROWS:
            kept = not self._is_lambda()
        elif before == "COMPRESSION":
            kept = True
        elif before == "AS":
            kept = not self._quoted and (frame.clause != "" or self._verb not in _MACRO)
        elif before == "INTERVAL":
            exact = False
            kept = frame.function == "time_bucket" and not frame.argument and _unit(string) != ""
        else:
            arguments, looks = dialect.SHAPING.get(frame.function, _NOTHING)
            exact = looks is not dialect.PART
            kept = (
                frame.argument in arguments
                and before in _BEFORE_ITEM
                and (following[1] in _AFTER_ITEM or following[0].upper() == "FROM")
                and looks.fullmatch(string) is not None
            )
        if kept:
            self._out.append(string)
            if exact:
                self._kept[len(self._out) - 1] = string
        return kept

    def _is_path(self, before: str, following: Token) -> bool:
        """Whether a string here is a path, a URL or a connection string."""
        out, frame = self._out, self._frame
        if before in _BEFORE_ITEM:
            if frame.function in dialect.PATH_FUNCTIONS:
                return not frame.argument and following[1] in _AFTER_ITEM
            return frame.clause in ("FROM", "ON") and frame.form == _PLAIN
        if before == "FROM":
            return frame.clause == "FROM" and out[-2] != "DISTINCT"
        if before == "TO":
            return out[-2] != "SIMILAR"
        return before.upper() in dialect.BEFORE_PATH or (
            self._verb in dialect.TAKES_PATH and not self._stack and before != "AS"
        )

    def _interval(self, text: str, unit: str) -> None:
        self._out += (f"'{self._removed.take(text)}'", UNITS[unit.lower()])

    def _interval_of_string(self, string: str, following: Token) -> None:
        out, frame = self._out, self._frame
        if frame.form >= _ROW and out[-2] in _BEFORE_ITEM and following[1] in _AFTER_ITEM:
            self._typed(string, len(out) - 1, following)
        elif following[0].lower() in UNITS:
            self._interval(string, following[0])
            next(self._rest)
        elif _unit(string):
            self._interval(string, _unit(string))
        else:
            self._typed(string, len(out) - 1, following)

    def _number_of_units(self, index: int) -> bool:
        """INTERVAL (7) DAY, whose bracket is at the index."""
        if self._frame.function == "time_bucket" and not self._frame.argument:
            return False
        sign = self._found[index + 1][1]
        inner, end, unit = self._found[index + 2 : index + 5] if sign else self._found[index + 1 : index + 4]
        if not (sign in ("", "-", "+") and inner[2] and end[1] == ")" and unit[0].lower() in UNITS):
            return False
        text = self._removed.value(inner[2]) if _is_parameter(inner[2]) else inner[2]
        self._interval(f"({sign}{text.strip('()')})", unit[0])
        for _ in range(4 if sign else 3):
            next(self._rest)
        return True

    def _type(self, before: str) -> int:
        """Where the type begins that ends the pieces, of a literal with a type; 0 if there is none."""
        out = self._out
        if self._quoted:
            return 0
        if before == ")":
            return self._closed.opened - 1 if self._closed.form == _TYPE else 0
        if before == "ZONE":
            return len(out) - 4 if out[-3].upper() in ("WITH", "WITHOUT") else 0
        if not _is_name(before) or out[-2] == ".":
            return 0
        return len(out) - (2 if before.upper() == "PRECISION" else 1)

    def _typed(self, string: str, start: int, following: Token) -> None:
        """DATE '2020-01-01': a constant with its type in a list, a cast elsewhere."""
        out = self._out
        kind = out[start:]
        del out[start:]
        if self._frame.form >= _ROW and out[-1] in _BEFORE_ITEM and following[1] in _AFTER_ITEM:
            out.append(self._placeholder(f"{spaced(kind)} {string}"))
        else:
            out += ("CAST", _GLUE + "(", self._placeholder(string), "AS", *kind, ")")


def _is_string(string: str) -> bool:
    return bool(string) and string[0] not in _DIGITS and not _is_parameter(string)


def _unit(string: str) -> str:
    """The unit of an interval that has one; else nothing."""
    match = INTERVAL.fullmatch(string)
    return match[1] if match and match[1].lower() in UNITS else ""


_MACRO = frozenset(("CREATE-FUNCTION", "CREATE-MACRO"))
_DIGITS = "0123456789."
_NOTHING: tuple[frozenset[int], re.Pattern[str]] = (frozenset(), re.compile(""))
