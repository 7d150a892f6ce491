"""The pass over a statement's tokens that tells its data from its shape."""

import re

from . import dialect
from .dialect import AFTER_AS, CLAUSES, CONSTANTS, KEYWORDS, NAMES_TOO, UNITS
from .lexer import END, Token
from .removed import GLUE, NAME, Removed, is_placeholder, spaced

_INTERVAL = re.compile(r"'\s*[-+]?[0-9.]+\s*([A-Za-z]+)\s*'")

# What a bracket holds. Rows are those of VALUES and of lists; of a list one item is kept; in a list of constants
# DuckDB's grammar has no parameters.
_OTHER, _STRUCT, _TYPE, _ROW, _LIST, _CONSTANTS = range(6)

_PATH = re.compile(rf"""["`](?:[.~]*/|[A-Z]:[\\/])|://|\.(?:{"|".join(dialect.SUFFIXES)})["`?]""", re.IGNORECASE)
_SENSITIVE = re.compile("KEY|SECRET|PASS|TOKEN|CREDENTIAL", re.IGNORECASE)

_DIGITS = frozenset("0123456789.")
_NUMBERED = _DIGITS | {"$"}
# An operator, and the beginning of a piece that it may not touch: sqlglot reads $1.f($2 as a dollar tag.
_APART = {".": "$", ":": ":", "::": ":"}
_QUOTES = frozenset('"`')
_ENDS_NAME = frozenset(("_", "$", NAME)) | _QUOTES
_ENDS_OPERAND = _ENDS_NAME | frozenset(")]}'")
_OPENING = frozenset("([{")
_CLOSING = frozenset(")]}")
_ARROWS = frozenset(("->", "->>"))
_BEFORE_ITEM = frozenset(("(", "[", ",", GLUE + "(", GLUE + "["))
_BEFORE_STAR = _BEFORE_ITEM | {".", "BY", "DISTINCT", "SELECT"}
_AFTER_ITEM = frozenset((",", ")", "]"))
_BEFORE_DATA = frozenset("= < > <= >= <> != == || AND BETWEEN ELSE ILIKE LIKE SELECT THEN WHEN WHERE".split())
_BEFORE_ORDINAL = frozenset(("BY", ",", "(", GLUE + "("))
_GROUPINGS = frozenset(("cube", "rollup", "sets"))
_AFTER_KEYWORD = frozenset(("", "(", "[", "{", "*", "-", "+"))
_PLAIN_KEYWORDS = KEYWORDS - NAMES_TOO - dialect.BEFORE_LITERALS - CONSTANTS - set(CLAUSES)
_MACRO = frozenset(("CREATE-FUNCTION", "CREATE-MACRO"))
_ZONED = frozenset(f"{type_} {zone} TIME ZONE" for type_ in ("TIME", "TIMESTAMP") for zone in ("WITH", "WITHOUT"))
_NOTHING: tuple[frozenset[int], re.Pattern[str]] = (frozenset(), re.compile(""))


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


class Walk:
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
        self._frame = self._closed = _Frame(_OTHER, "", "", 0, 1, 1)

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
                    append(_as_name(word))
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
                    if operator in _APART and out[-1][:1] == _APART[operator]:
                        out[-1] += " "
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
            return _as_name(word)
        if upper in CLAUSES:
            if before == "DISTINCT" and upper in ("FROM", "ON"):
                return upper
            if upper == "FROM" and frame.function in dialect.NO_TABLES:
                return upper
            frame.clause = CLAUSES[upper]
            if frame.form >= _ROW:
                frame.form = _OTHER  # it is a subquery
            frame.before = -1
        elif upper in CONSTANTS:
            if frame.form >= _ROW and before in _BEFORE_ITEM and self._found[index + 1][1] in _AFTER_ITEM:
                return self._placeholder(upper)
        elif upper == "SAMPLE":
            if before != "USING":
                return _as_name(word)
            frame.clause = "SAMPLE"
        elif upper in dialect.BEFORE_LITERALS:
            _, operator, string, _ = self._found[index + 1]
            return upper if string or (operator == "(" and upper == "INTERVAL") else _as_name(word)
        elif upper == "PERCENT":  # LIMIT $1 PERCENT does not parse
            return "%" if before[:1] == "$" and self._out[-2] == "LIMIT" else _as_name(word)
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
            frame = _Frame(_OTHER if before.upper() == "MAP" else _STRUCT, "", "", 0, 1, len(out))
            named = False
        else:
            after = named or before[:1] == "$" or before[-1:] in (")", "]", "}", "'")
            frame = self._subscript() if after else self._list()
        self._stack.append(self._frame)
        self._frame = frame
        out.append(GLUE + bracket if named else bracket)

    def _parenthesis(self, before: str, named: bool) -> _Frame:
        out, outer = self._out, self._frame
        opened = len(out)
        clause = function = ""
        form = _OTHER
        argument = 0
        if outer.clause == "SAMPLE":
            clause = "SAMPLE"
        if named:
            function = before.lower()
            argument = int(out[-2] == "." and out[-3].lower() not in dialect.SCHEMAS)  # 1 in a.f(b)
            if function == "enum":
                form = _CONSTANTS
            elif (outer.form == _TYPE or out[-2] == "::" or function in dialect.SIZED_TYPES) and function != "cast":
                form = _TYPE
            elif outer.clause == "BY" and function in _GROUPINGS:
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
        return _Frame(_TYPE if typed else _OTHER, "", "", 0, 0, len(out))

    def _list(self) -> _Frame:
        out, outer = self._out, self._frame
        form = _CONSTANTS if outer.form == _CONSTANTS else _LIST
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
        if string[0] in _DIGITS and self._is_shape(before, following):
            self._out.append(string)
        elif string[0] in _DIGITS or is_parameter(string):
            text = string if string[0] in _DIGITS else self._removed.value(string)
            if before == "INTERVAL":
                self._interval(text, following)
            else:
                self._data(text)
        elif before in _BEFORE_DATA or (
            before in _BEFORE_ITEM and self._frame.form >= _ROW and not self._frame.function
        ):
            self._data(string)
        elif index and _goes_on(self._found[index - 1][2]) and _goes_on(string):
            self._removed.extend("\n" + string)  # strings on lines of their own are one
        elif string[0] == "'" and self._keep(string, before, following):
            pass
        elif before == "INTERVAL":
            self._interval(string, following)
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
            or frame.form in (_CONSTANTS, _TYPE)
            or (before in (":=", "AS") and self._verb in _MACRO and frame.clause == "")
            or (frame.function == "extract" and before == GLUE + "(")
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
        if self._verb == "CREATE-SEQUENCE":
            return True
        if frame.clause == "BY" and before in _BEFORE_ORDINAL:
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
        if string[-1] != "'" or len(string) == 1 or is_placeholder(string):
            return False
        if _goes_on(following[2]):
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
        elif frame.function == "time_bucket" and not frame.argument:
            exact = False
            kept = unit_of(string) != ""
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
            return frame.clause in ("FROM", "ON") and frame.form == _OTHER
        if before == "FROM":
            return frame.clause == "FROM" and out[-2] != "DISTINCT"
        if before == "TO":
            return out[-2] != "SIMILAR"
        return before.upper() in dialect.BEFORE_PATH or (
            self._verb in dialect.TAKES_PATH and not self._stack and before != "AS"
        )

    def _units(self, text: str, unit: str) -> None:
        self._out += (f"'{self._removed.take(text)}'", UNITS[unit.lower()])

    def _interval(self, string: str, following: Token) -> None:
        out, frame = self._out, self._frame
        if frame.form >= _ROW and out[-2] in _BEFORE_ITEM and following[1] in _AFTER_ITEM:
            self._typed(string, len(out) - 1, following)
        elif following[0].lower() in UNITS:
            self._units(string, following[0])
            next(self._rest)
        elif unit_of(string):
            self._units(string, unit_of(string))
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
        text = self._removed.value(inner[2]) if is_parameter(inner[2]) else inner[2]
        self._units(f"({sign}{text.strip('()')})", unit[0])
        for _ in range(4 if sign else 3):
            next(self._rest)
        return True

    def _type(self, before: str) -> int:
        """Where the type begins that ends the pieces, of a literal with a type; 0 if there is none."""
        out = self._out
        if self._quoted or self._frame.form in (_CONSTANTS, _TYPE):
            return 0
        if before == ")":
            return self._closed.opened - 1 if self._closed.form == _TYPE else 0
        if before == "ZONE":
            return len(out) - 4 if " ".join(out[-4:]).upper() in _ZONED else 0
        name = before.upper()
        if not _is_name(before) or out[-2] == "." or out[-2][:1] == "'" or name in dialect.OBJECTS:
            return 0
        return len(out) - (2 if name == "PRECISION" and out[-2].upper() == "DOUBLE" else 1)

    def _typed(self, string: str, start: int, following: Token) -> None:
        """DATE '2020-01-01': a constant with its type in a list, a cast elsewhere."""
        out, form = self._out, self._frame.form
        kind = out[start:]
        if form >= _ROW and out[start - 1] in _BEFORE_ITEM and following[1] in _AFTER_ITEM:
            out[start:] = [self._placeholder(f"{spaced(kind)} {string}")]
        elif form in (_CONSTANTS, _TYPE):
            out.append(self._placeholder(string))
        else:
            out[start:] = ["CAST", GLUE + "(", self._placeholder(string), "AS", *kind, ")"]


def _goes_on(string: str) -> bool:
    """Whether strings on lines of their own may be one with this."""
    return string != "" and string[0] not in _DIGITS and not is_parameter(string) and not is_placeholder(string)


def unit_of(string: str) -> str:
    """The unit of the string of an interval, if it has one and that is known."""
    match = _INTERVAL.fullmatch(string)
    return match[1] if match and match[1].lower() in UNITS else ""


def is_parameter(string: str) -> bool:
    return string[:1] == "?" or (string[:1] == "$" and "$" not in string[1:])


def _as_name(word: str) -> str:
    return word + NAME if word in KEYWORDS else word


def _is_name(piece: str) -> bool:
    """Whether a piece can name something: a column, a function, a type."""
    return (piece[-1:].isalnum() or piece[-1:] in _ENDS_NAME) and piece not in KEYWORDS and piece[0] not in _NUMBERED


def _is_unary(out: list[str]) -> bool:
    """Whether the sign at the end has nothing to its left to work on."""
    left = out[-2]
    if left == "*":
        return out[-3] not in _BEFORE_STAR
    if left in KEYWORDS:
        return left not in dialect.OPERANDS
    return not left[-1:].isalnum() and left[-1:] not in _ENDS_OPERAND
