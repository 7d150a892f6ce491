"""The demo's statements with their parameters: SQL files beside this one, values from one seeded generator."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

HEADER = re.compile(r"^-- name: (?P<name>\S+)(?:\s+runs: (?P<runs>\d+))?$", re.MULTILINE)
PARAMETER = re.compile(r"\$([a-z_0-9]+)")

SEGMENTS = ("AUTOMOBILE", "BUILDING", "FURNITURE", "HOUSEHOLD", "MACHINERY")
MODES = ("AIR", "FOB", "MAIL", "RAIL", "REG AIR", "SHIP", "TRUCK")
NATIONS = ("BRAZIL", "CANADA", "CHINA", "FRANCE", "GERMANY", "INDIA", "JAPAN", "KENYA", "PERU", "SAUDI ARABIA")
REGIONS = ("AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST")
PRIORITIES = ("1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW")
WORDS = ("almond", "blush", "chocolate", "forest", "green", "ivory", "linen", "navy", "olive", "smoke")
FIRST_DAY = date(1992, 1, 1)
DAYS = 2_400
FIRST_NEW_ORDER = 100_000_000


@dataclass(frozen=True, slots=True)
class Statement:
    name: str
    sql: str
    runs: int
    parameters: tuple[str, ...]


def statements(*more: str) -> list[Statement]:
    """All of them, those of TPC-H first, of `more` files last; `runs` is how often in one cycle."""
    return [statement for file in ("tpch.sql", "dashboard.sql", *more) for statement in _read(file)]


def _read(file: str) -> Iterator[Statement]:
    text = Path(__file__).with_name(file).read_text()
    headers = list(HEADER.finditer(text))
    for header, following in zip(headers, [*headers[1:], None], strict=True):
        sql = text[header.end() : following.start() if following else None].strip().rstrip(";")
        names = tuple(dict.fromkeys(PARAMETER.findall(sql)))
        yield Statement(header["name"], sql, int(header["runs"] or 1), names)


class Parameters:
    """Values for the statements' parameters, skewed as in life: new days and some customers come up more."""

    def __init__(self, scale: float, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a workload, no secret
        self._scale = scale
        self._orders = 0

    def of(self, statement: Statement) -> dict[str, object]:
        return {name: self._value(name) for name in statement.parameters}

    def _value(self, name: str) -> object:
        choose = self._random
        match name:
            case "day":
                return FIRST_DAY + timedelta(days=int(DAYS * choose.random() ** 0.5))
            case "month":
                return f"{choose.randint(1993, 1998)}-{choose.randint(1, 12):02}"
            case "customer":
                return 1 + int(150_000 * self._scale * choose.random() ** 2)
            case "order":
                number = choose.randrange(int(1_500_000 * self._scale))
                return number // 8 * 32 + number % 8 + 1  # TPC-H uses 8 of each 32 keys
            case "new_order":
                self._orders += 1
                return FIRST_NEW_ORDER + self._orders
            case "part":
                return 1 + choose.randrange(int(200_000 * self._scale))
            case "supplier":
                return 1 + choose.randrange(int(10_000 * self._scale))
            case "clerk":
                return f"Clerk#{choose.randint(1, int(1_000 * self._scale)):09}"
            case "name_prefix":
                return f"Customer#0000{choose.randint(0, 99):02}%"
            case "word":
                return f"%{choose.choice(WORDS)}%"
            case "price":
                return choose.randint(300_000, 400_000)
            case "balance":
                return -choose.randint(500, 950)
            case "pieces":
                return choose.randint(2_000, 6_000)
            case "payment":
                return choose.randint(1, 500)
            case "offset":
                return 50 * choose.randrange(40)
            case "size":
                return choose.randint(1, 50)
        return choose.choice(_words(name))


def _words(name: str) -> tuple[str, ...]:
    match name.rstrip("23"):
        case "segment":
            return SEGMENTS
        case "mode":
            return MODES
        case "nation":
            return NATIONS
        case "region":
            return REGIONS
        case "priority":
            return PRIORITIES
        case "brand":
            return tuple(f"Brand#{first}{second}" for first in range(1, 6) for second in range(1, 6))
    raise KeyError(f"no values for the parameter ${name}")
