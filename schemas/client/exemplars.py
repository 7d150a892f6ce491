"""The few concrete statements of each shape that measuring runs. They hold data, so they never leave this place.

They lie in an SQLite file, which several workers of one product share and which a crash leaves whole, in a folder
that only the product's user can read. Each shape keeps `KEPT` of them, every run seen being as likely to be among
them as any other (Vitter's algorithm R); beyond `SHAPES` shapes the least recently seen go, and all that nobody ran for
`LIFE_S`. With a key their values are sealed, and what was kept without it, or with another one, is forgotten.
"""

import json
import logging
import os
import secrets
import sqlite3
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Sequence, Set
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from time import monotonic, time

from ..definition import words
from ..fingerprint import Shape
from .sealed import Seal

KEPT = 5
SHAPES = 2_000
LIFE_S = 35 * 86_400
LARGEST = 4_096
"""Characters of one exemplar; a larger one is not kept."""
COUNTS_S = 10.0
BUSY_S = 0.2
FILE = "exemplars.sqlite"

Exemplar = tuple[tuple[str, ...], dict[str, str]]
"""What `schemas.fingerprint.fill` takes: literals in the order of their placeholders, files by their salted ids."""

logger = logging.getLogger("duckdb_sidecar")

_TABLES = """
CREATE TABLE IF NOT EXISTS shapes (fingerprint TEXT PRIMARY KEY, seen INTEGER NOT NULL, last_seen_s INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS exemplars (
    fingerprint TEXT NOT NULL, slot INTEGER NOT NULL, literals TEXT NOT NULL, files TEXT NOT NULL,
    PRIMARY KEY (fingerprint, slot)
);
CREATE TABLE IF NOT EXISTS left_out (database TEXT PRIMARY KEY, names TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sealed_by (key_id TEXT NOT NULL);
"""
# workers count for themselves: the most that one of them has seen stands for all
_COUNT = """
INSERT INTO shapes VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET seen = max(seen, excluded.seen), last_seen_s = excluded.last_seen_s
"""


def private_folder(product: str) -> Path:
    """`$XDG_STATE_HOME/duckdb-sidecar/PRODUCT`, or below `~/.local/state`, or a temporary folder for users without
    a home; it need not exist."""
    if state := os.environ.get("XDG_STATE_HOME"):
        return Path(state) / "duckdb-sidecar" / product
    try:
        return Path.home() / ".local" / "state" / "duckdb-sidecar" / product
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"duckdb-sidecar-{os.getuid()}" / product


def make_private(folder: Path) -> None:
    """Raises OSError, also where somebody else could put another folder in its place."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.parent.stat().st_uid not in (os.getuid(), 0):
        raise PermissionError(f"{folder.parent} belongs to another user: set XDG_STATE_HOME to a folder of your own")
    folder.chmod(0o700)


def salt_of(folder: Path) -> bytes:
    """The salt of file paths in this product's fingerprints, made once: the workers of one machine share it.

    Raises OSError where the folder cannot be had.
    """
    make_private(folder)
    file = folder / "salt"
    if not file.exists():
        fresh = folder / f"salt.{secrets.token_hex(8)}"
        fresh.touch(mode=0o600)
        fresh.write_bytes(secrets.token_bytes(32))
        with suppress(FileExistsError):
            os.link(fresh, file)  # whole, and only by the first of several workers
        fresh.unlink()
    return file.read_bytes()


class Exemplars:
    """In `folder`. Adding is one thread's work; `get` may be called by any, also of another process.

    Where the file cannot be had nothing is kept, which is logged once.
    """

    def __init__(self, folder: Path, seal: Seal | None = None, *, random: Random | None = None) -> None:
        self._file = folder / FILE
        self._seal = seal
        self._random = random or Random()  # noqa: S311 - a sample
        self.start_afresh()

    def start_afresh(self) -> None:
        """As in a new process."""
        self._seen: OrderedDict[str, int] | None = None
        self._unsaved: set[str] = set()
        self._waiting: dict[tuple[str, int], tuple[str, str]] = {}
        self._saved_s = 0.0
        self._complained = False
        self._left_out: dict[str, frozenset[str]] = {}

    def add(self, shape: Shape) -> None:
        if (slot := self.slot(shape.id)) is not None:
            self.put(slot, shape)
            self.save()

    def slot(self, fingerprint: str) -> int | None:
        """Where this run of the shape is to be kept, None where it is not. Each call counts as one run."""
        if self._seen is None:
            self._seen = self._load()
        seen = self._seen[fingerprint] = self._seen.get(fingerprint, 0) + 1
        self._seen.move_to_end(fingerprint)
        self._unsaved.add(fingerprint)
        slot = seen - 1 if seen <= KEPT else self._random.randrange(seen)
        return slot if slot < KEPT else None

    def seen(self, fingerprint: str) -> int:
        return 0 if self._seen is None else self._seen.get(fingerprint, 0)

    def leave_out(self, database: str, columns: Set[str]) -> None:
        """Of statements that name one of these, in lower case, none is kept; where they are others than before, all
        that was kept is forgotten.
        """
        if self._left_out.get(database, frozenset()) == columns:
            return
        self._left_out = {**self._left_out, database: frozenset(columns)}
        names = json.dumps(sorted(columns))

        def forget(connection: sqlite3.Connection) -> None:
            known = connection.execute("SELECT names FROM left_out WHERE database = ?", (database,)).fetchone()
            if known != (names,):
                connection.execute("DELETE FROM exemplars")
                connection.execute("INSERT OR REPLACE INTO left_out VALUES (?, ?)", (database, names))

        self._transact(forget)

    def put(self, slot: int, shape: Shape) -> None:
        if self._left_out and words(shape.text) & frozenset().union(*self._left_out.values()):
            return
        if shape.literals is not None:
            kept = json.dumps(shape.literals), json.dumps(dict(shape.files))
            if sum(map(len, kept)) <= LARGEST:
                place = _place(shape.id, slot)
                self._waiting[shape.id, slot] = (
                    (self._seal.close(kept[0], place), self._seal.close(kept[1], place)) if self._seal else kept
                )

    def save(self, *, final: bool = False) -> None:
        """Makes what was put safe, and every `COUNTS_S` seconds how often each shape was seen."""
        if self._seen is None:
            return
        gone = [self._seen.popitem(last=False)[0] for _ in range(len(self._seen) - SHAPES)]
        counts = final or monotonic() - self._saved_s > COUNTS_S
        if not (self._waiting or gone or (counts and self._unsaved)):
            return
        rows = [(*place, *exemplar) for place, exemplar in self._waiting.items() if place[0] in self._seen]
        now = int(time())
        known = [(one, self._seen[one], now) for one in self._unsaved if one in self._seen] if counts else []
        self._waiting.clear()
        if counts:
            self._unsaved.clear()
            self._saved_s = monotonic()

        def write(database: sqlite3.Connection) -> None:
            database.executemany("INSERT OR REPLACE INTO exemplars VALUES (?, ?, ?, ?)", rows)
            database.executemany(_COUNT, known)
            if counts:
                gone.extend(_expired(database, now))
            _forget(database, gone)

        self._transact(write)
        for one in gone:
            self._seen.pop(one, None)

    def get(self, fingerprint: str) -> list[Exemplar]:
        """Empty where there is no file."""
        query = "SELECT slot, literals, files FROM exemplars WHERE fingerprint = ? ORDER BY slot"
        try:
            with closing(sqlite3.connect(f"{self._file.as_uri()}?mode=ro", timeout=BUSY_S, uri=True)) as database:
                found = database.execute(query, (fingerprint,)).fetchall()
        except sqlite3.Error:
            return []
        opened = [[self._opened(text, _place(fingerprint, slot)) for text in kept] for slot, *kept in found]
        return [(tuple(json.loads(literals)), json.loads(files)) for literals, files in opened if literals and files]

    def _opened(self, text: str, place: str) -> str | None:
        return self._seal.open(text, place) if self._seal else text

    def _load(self) -> OrderedDict[str, int]:
        seen: OrderedDict[str, int] = OrderedDict()

        key_id = self._seal.key_id if self._seal else ""

        def read(database: sqlite3.Connection) -> None:
            known = database.execute("SELECT key_id FROM sealed_by").fetchone()
            if (known[0] if known else "") != key_id:
                database.execute("PRAGMA secure_delete = ON")  # or they would lie in the file's free pages
                database.execute("DELETE FROM exemplars")
                database.execute("DELETE FROM sealed_by")
                database.execute("INSERT INTO sealed_by VALUES (?)", (key_id,))
            _forget(database, _expired(database, int(time())))
            seen.update(database.execute("SELECT fingerprint, seen FROM shapes ORDER BY last_seen_s"))

        self._transact(read)
        return seen

    def _transact(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """On a connection of its own, since one that is kept would not survive a fork."""
        try:
            make_private(self._file.parent)
            self._file.touch(mode=0o600)
            with closing(sqlite3.connect(self._file, timeout=BUSY_S)) as database, database:
                # a power cut may cost what was kept, not more
                database.execute("PRAGMA synchronous = OFF")
                database.executescript(_TABLES)
                work(database)
        except (OSError, sqlite3.Error) as error:
            if type(error) is sqlite3.DatabaseError:  # no database: what it was is lost, the next one will do
                self._file.unlink(missing_ok=True)
            if not self._complained:
                self._complained = True
                logger.warning("exemplars for measuring are not kept in %s: %s", self._file, error)


def _expired(database: sqlite3.Connection, now_s: int) -> list[str]:
    """What is deleted of them from now on does not lie in the file's free pages."""
    database.execute("PRAGMA secure_delete = ON")
    found = database.execute("SELECT fingerprint FROM shapes WHERE last_seen_s < ?", (now_s - LIFE_S,))
    return [fingerprint for (fingerprint,) in found]


def _forget(database: sqlite3.Connection, fingerprints: Sequence[str]) -> None:
    for table in ("exemplars", "shapes"):
        database.executemany(f"DELETE FROM {table} WHERE fingerprint = ?", [(one,) for one in fingerprints])  # noqa: S608


def _place(fingerprint: str, slot: int) -> str:
    return f"{fingerprint}/{slot}"
