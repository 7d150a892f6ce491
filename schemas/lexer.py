"""The lexer of DuckDB's SQL: one regular expression, fast enough for every statement that a product runs.

It follows DuckDB's own tokenizer: comments nest, an operator ends in + or - only if it holds one of
``~ ! @ % ^ & | ` ``, a dollar tag does not start with a digit, and the Unicode spaces that DuckDB strips are
spaces. Where DuckDB reports an error it goes on: an unterminated string is a literal up to the end, so that
nothing of it is taken for a name.
"""

import re

_SPACE = r" \t\n\r\f\v\xa0\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff"
_OTHER_LETTERS = r"\x80-\x9f\xa1-\u1fff\u200c-\u202e\u2030-\u205e\u2061-\u2fff\u3001-\ufefe\uff00-\U0010ffff"
_LETTER = "A-Za-z_" + _OTHER_LETTERS

# No group is possessive: before Python 3.11.5 such a group may match what it must not. Where one could be given
# back, what follows forbids it, as (?!") does for a quoted name that has no end.

# A regular expression cannot count, so comments nest eight deep here; deeper ones end the text.
_COMMENT = r"/\*(?:[^*/]++|\*(?!/)|/(?!\*))*\*/"
for _ in range(7):
    _COMMENT = rf"/\*(?:[^*/]++|\*(?!/)|/(?!\*)|{_COMMENT})*\*/"

_SKIP = rf"[{_SPACE}]*+ (?: (?: --[^\n\r]*+ | {_COMMENT} | /\*.*+ ) [{_SPACE}]*+ )*"
_WORD = rf"""(?![eExXbBnN]')[{_LETTER}][{_LETTER}0-9$]*+ | "[^"]*+(?:""[^"]*+)*"(?!") | `[^`]*+`"""
_OPERATOR = rf"""
    [(),;\[\]{{}}]
  | \.(?![0-9])
  | :[:=]?
  | (?:->>?|[<>=!]=|<>|\|\||\*\*|//|[-+*/=<>%])(?![-+*/<>=~!@^&|%`])
  | (?=[-+*/<>=]{{0,15}}[~!@^&|%`])(?:(?!--|/\*)[-+*/<>=~!@^&|%`])+
  | (?:(?!--|/\*)[-+*/<>=]){{0,15}}[*/<>=]
  | \$(?![$0-9{_LETTER}])
  | [^'"$?0-9.{_LETTER}{_SPACE}]
"""
_LITERAL = rf"""
    [eE]'(?:[^'\\]++|\\.|'')*(?:'|\\?\Z)
  | [xXbBnN]?'[^']*+(?:''[^']*+)*(?:'|\Z)
  | 0[xX][0-9a-fA-F_]++
  | (?:[0-9][0-9_]*+(?:\.(?!\.)[0-9_]*+)?|\.[0-9][0-9_]*+)(?:[eE][-+]?[0-9][0-9_]*+)?
  | \$(?P<tag>[{_LETTER}][{_LETTER}0-9]*+)?\$.*?(?:\$(?(tag)(?P=tag))\$|\Z)
  | \?[0-9]*+
  | \$(?:[0-9]++|[{_LETTER}][{_LETTER}0-9]*+)
  | ".*+
"""

TOKEN = re.compile(
    rf"{_SKIP} (?: (?P<word>{_WORD}) | (?P<operator>{_OPERATOR}) | (?P<literal>{_LITERAL}) | \Z )",
    re.DOTALL | re.VERBOSE,
)

Token = tuple[str, str, str, str]
"""(word, operator, literal, dollar tag): one of the first three holds the token's text, the others are empty.

Words are keywords and names, quoted ones included; literals are strings, numbers and parameters."""

END: Token = ("", "", "", "")


def tokens(sql: str) -> list[Token]:
    """The tokens of a text without its spaces and comments; any text has some reading, none raises."""
    found: list[Token] = TOKEN.findall(sql)
    while found and found[-1] == END:
        found.pop()
    return found
