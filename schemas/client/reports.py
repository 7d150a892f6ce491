"""Tells of a database's catalog: at the start, when its structure has changed, and once an hour for the figures."""

import logging
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import uuid4

import duckdb

from ..definition import FIGURES
from ..errors import CloneError
from ..records import CatalogSnapshot, Column, Coverage
from ..topics import CATALOGS, key_of
from .alive import Instance
from .attached import Attached, Local
from .catalog import catalog_hash, place_of, private_names, routines, settings, structure
from .external import external_tables
from .figures import with_figures
from .landing import only_as_code
from .live import Database

CHECK_S = 60.0
REPORT_S = 3600.0
REPORT_AGAIN_S = 30.0
FIGURES_S = 5.0

LESS: tuple[tuple[tuple[str, ...], str], ...] = (
    ((), ""),
    (("enum_values",), "it is told without the values of ENUM types"),
    (
        ("enum_values", *FIGURES),
        "it is told without the values of ENUM types and the figures of columns, so that less will be suggested",
    ),
)
"""What columns can be told without where a catalog is too large for a record, the least needed first."""
TOO_LARGE = "nothing will be suggested for it: have tables and views that need no advice in another database"

logger = logging.getLogger("duckdb_sidecar")


def snapshot_of(local: Local, database: str, live: Database, instances: int, *, in_place: bool) -> CatalogSnapshot:
    """`in_place` says that this process has the database open, and not a copy of it.

    Raises CloneError, duckdb.Error where the database cannot be read now."""
    with live.connection() as connection:
        place = place_of(connection)
        tables = structure(connection, place.database)
        structure_hash = catalog_hash(tables)
        tables = with_figures(connection, place, tables, FIGURES_S)
        in_force = settings(connection)
        bodies = routines(connection, place.database)
    tables += external_tables(local.files.paths(), local.files.words())
    since, unseen = local.settings.full_coverage_since, list(local.unseen())
    return CatalogSnapshot(
        product=local.product,
        database=database,
        instance=local.instance,
        event_id=str(uuid4()),
        time=datetime.now(UTC),
        catalog_hash=structure_hash,
        duckdb_version=duckdb.__version__,
        settings=in_force,
        access_mode=place.access_mode,
        file_id=place.file_id(local.salt),
        file_bytes=place.file_bytes,
        instances=instances,
        as_code=only_as_code(place, local.settings, instances, in_place=in_place),
        pinned=local.settings.approval_keys is not None,
        coverage=Coverage(full=since is not None and not unseen, since=since, unseen=unseen),
        tables=tables,
        routines=bodies,
    )


class CatalogReports:
    """Of one database. `hash_of` is for the query log's thread, `work` for one of ours."""

    def __init__(self, attached: Attached, database: str, live: Database, *, in_place: bool) -> None:
        self._attached = attached
        self._database = database
        self._live = live
        self._in_place = in_place
        self._instance: Instance | None = None
        self._hash = ""
        self._told = ""
        self._due = True
        self._checked_s = self._reported_s = float("-inf")

    def hash_of(self, anew: bool) -> str:
        """Empty as long as the catalog could not be read."""
        if anew or not self._hash:
            self._check()
        return self._hash

    def expect_more(self) -> None:
        """There is more to tell than the structure shows."""
        self._due = True

    def look_again(self) -> None:
        """The structure was changed by ours, which the query log does not show."""
        self._checked_s = self._reported_s = float("-inf")

    def work(self) -> None:
        """To be called every second or so."""
        now = time.monotonic()
        if now - self._checked_s >= CHECK_S:
            self._check()
        since = now - self._reported_s
        if since >= REPORT_S or (self._due and since >= REPORT_AGAIN_S):
            self._reported_s = now
            self._due = False
            try:
                self._report()
            except (duckdb.Error, CloneError):
                self._put_off()

    def close(self) -> None:
        if self._instance is not None:
            self._instance.release()

    def _check(self) -> None:
        self._checked_s = time.monotonic()
        try:
            with self._live.connection() as connection:
                name = place_of(connection).database
                found = catalog_hash(structure(connection, name))
                private = private_names(connection, name)
        except (duckdb.Error, CloneError):
            self._put_off()
        else:
            self._attached.exemplars.leave_out(self._database, private)
            self._due = self._due or found != self._hash
            self._hash = found

    def _put_off(self) -> None:
        """The database was closed or altered at this moment: it is read again later."""
        logger.debug("the catalog of %s was not read", self._database, exc_info=True)
        self._due = True

    def _report(self) -> None:
        attached = self._attached
        snapshot = snapshot_of(attached, self._database, self._live, self._instances(), in_place=self._in_place)
        self._hash = snapshot.catalog_hash
        key = key_of(attached.product, self._database)
        told = TOO_LARGE
        for fields, told_so in LESS:
            payload = attached.codec.encode(_without(snapshot, fields))
            if CATALOGS.takes(key, payload):
                attached.publisher.send(CATALOGS, key, payload, self._done)
                told = told_so
                break
        if told not in ("", self._told):
            level = logging.ERROR if told == TOO_LARGE else logging.WARNING
            logger.log(level, "the catalog of %s is too large for a record: %s", self._database, told)
        self._told = told

    def _instances(self) -> int:
        """Processes that work on the database and share the product's folder."""
        try:
            if self._instance is None:
                folder = self._attached.folder / "instances" / self._database
                self._instance = Instance(folder, self._attached.instance)
            return self._instance.count()
        except OSError:
            return 1  # without a folder nobody knows of others

    def _done(self, error: str | None) -> None:
        if error is not None:
            logger.warning("the catalog of %s did not arrive: %s", self._database, error)
            self._due = True


def _without(snapshot: CatalogSnapshot, fields: Iterable[str]) -> CatalogSnapshot:
    update = {name: Column.model_fields[name].get_default() for name in fields}
    tables = [
        table.model_copy(update={"columns": [column.model_copy(update=update) for column in table.columns]})
        for table in snapshot.tables
    ]
    return snapshot.model_copy(update={"tables": tables})
