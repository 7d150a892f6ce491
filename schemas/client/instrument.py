"""The client's entrance: which databases of the process are captured, for which product, and where the log goes."""

import atexit
import logging
import multiprocessing.util
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

import duckdb

from ..errors import SettingsError
from . import relations, watching
from .coverage import Coverage, ways_past
from .databases import MEMORY, check_name, name_of, place_in_memory, place_of
from .exemplars import Exemplars, private_folder, salt_of
from .filesink import JsonLines, ParquetParts
from .patches import Patches
from .recorder import EXIT_S, Recorder
from .sealed import seal_of
from .settings import ClientSettings, client_settings
from .sink import OpenSink, Sink
from .versions import TESTED, VERSION

if TYPE_CHECKING:
    from .attachment import Attachment  # it needs confluent-kafka, which is an extra

File = str | os.PathLike[str]

logger = logging.getLogger("duckdb_sidecar")


@dataclass(frozen=True, slots=True)
class Product:
    recorder: Recorder
    places: Mapping[str, str] | None
    """The names of its databases by their places; None for all that no other product declares."""
    sink: File | OpenSink | None
    settings: Mapping[str, Any] | None
    seen: dict[str, str] = field(default_factory=dict)
    """Places by name, of databases that were not declared."""

    def name_at(self, place: str) -> str | None:
        if self.places is not None:
            return self.places.get(place)
        name = name_of(place)
        if not place.startswith(MEMORY) and self.seen.setdefault(name, place) != place:
            _tell_apart(self.recorder.product, name, self.seen[name], place)
            return None
        return name

    def place_named(self, name: str) -> str:
        if self.places is not None:
            return next(place for place, own in self.places.items() if own == name)
        return self.seen.get(name) or place_in_memory(name)


_products: dict[str, Product] = {}
_patches = Patches()
_lock = RLock()


def instrument(
    product: str,
    *,
    database: File | Mapping[str, File] | None = None,
    sink: File | OpenSink | None = None,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Captures what this process runs on DuckDB, for `product`, until `uninstrument` or the process ends.

    `database` is the file of the product, or several by the names that its records shall carry; other databases of
    the process are then left alone, or are another product's: call once for each. Without it the product is every
    database that no other product declares, those in memory too (all unnamed ones as `memory`), under DuckDB's
    catalog name: `shop` for `/data/shop.duckdb`.

    The query log goes to Kafka, where catalogs are told and requests to measure are answered as well. How is said by
    `settings`, by the names in `schemas.client.settings`, and by the environment, which comes before them: at the
    least `DUCKDB_SIDECAR_KAFKA_BOOTSTRAP_SERVERS`. With a `sink` there is no Kafka: `FILE.jsonl` or `FILE.parquet`
    (see `filesink`), or a function that opens a `Sink`.

    The same call again changes nothing. With `DUCKDB_SIDECAR=off` in the environment nothing is done at all, and on
    a version of DuckDB that the client was not tested with nothing but a line in the log `duckdb_sidecar`.

    Raises SettingsError for arguments that cannot be, or that contradict an earlier call.
    """
    if os.environ.get("DUCKDB_SIDECAR", "").lower() == "off":
        return
    if VERSION not in TESTED:
        _stand_aside()
        return
    places = _places_of(database)
    check_name("product", product)
    with _lock:
        if (known := _products.get(product)) is not None:
            if (known.places, known.sink, known.settings) == (places, sink, settings):
                return
            raise SettingsError(f"product {product} is instrumented already, with other arguments: uninstrument first")
        for other in _products.values():
            if other.places is None and places is None:
                raise SettingsError(f"product {other.recorder.product} has every database: name those of {product}")
            if both := set(other.places or ()) & set(places or ()):
                raise SettingsError(f"{both.pop()} is a database of product {other.recorder.product} already")
        folder = private_folder(product)
        found = client_settings(settings)
        salt, exemplars = _salt(folder), Exemplars(folder, seal_of(found.exemplar_key_file))
        entry: Product
        open_sink = _opener(sink) if sink is not None else _attachment(
            found, product, folder, salt, exemplars, lambda: entry
        )  # fmt: skip
        recorder = Recorder(product, open_sink, exemplars, salt)
        entry = Product(recorder, places, sink, settings)
        if not _products:
            _patches.install()
            _at_process_events()
        _products[product] = entry
        watching.watch(_find)


def uninstrument() -> None:
    """Puts DuckDB back as it was, and hands over what waits within a second."""
    with _lock:
        _patches.remove()
        relations.leave_all()
        watching.watch(None)
        recorders = [product.recorder for product in _products.values()]
        _products.clear()
    _close(recorders)


def coverage(product: str) -> Coverage:
    """How much of what this process runs on the product's databases its log holds.

    Raises SettingsError for a product that is not instrumented.
    """
    if (known := _products.get(product)) is None:
        raise SettingsError(f"product {product} is not instrumented in this process")
    recorder = known.recorder
    unseen = tuple(ways_past(_patches.originals()))
    return Coverage(recorder.recorded, recorder.dropped, recorder.opened, recorder.met, unseen)


def flush(timeout: float = EXIT_S) -> bool:
    """Whether all runs that have ended are safe with their sinks, within `timeout` seconds each."""
    safe = [product.recorder.flush(timeout) for product in list(_products.values())]
    return all(safe)


def _find(place: str) -> tuple[Recorder, str] | None:
    # those that declare it come before the one that has all others
    for product in sorted(_products.values(), key=lambda product: product.places is None):
        if (name := product.name_at(place)) is not None:
            return product.recorder, name
    return None


def _places_of(database: File | Mapping[str, File] | None) -> Mapping[str, str] | None:
    if database is None:
        return None
    if not isinstance(database, Mapping):
        place = place_of(database)
        return {place: name_of(place)}
    for name in database:
        check_name("database", name)
    return {place_of(file): name for name, file in database.items()}


def _attachment(
    settings: ClientSettings,
    product: str,
    folder: Path,
    salt: bytes,
    exemplars: Exemplars,
    entry: Callable[[], Product],
) -> OpenSink:
    """`entry` is asked for the product once it is instrumented."""
    if not settings.kafka.get("bootstrap.servers"):
        raise SettingsError(
            "say where the query log goes: DUCKDB_SIDECAR_KAFKA_BOOTSTRAP_SERVERS=host:port, or sink='queries.jsonl'"
        )
    try:
        if settings.schema_registry_url:
            import_module("..registry", __package__)
        attachment: type[Attachment] = import_module(".attachment", __package__).Attachment
    except ModuleNotFoundError as missing:
        extra = "registry" if settings.schema_registry_url else "kafka"
        raise SettingsError(
            f"{missing.name} is missing: pip install 'duckdb-sidecar-client[{extra}]', or say sink='queries.jsonl'"
        ) from missing
    return attachment(
        product,
        settings,
        folder,
        salt,
        exemplars,
        instance=lambda: entry().recorder.instance,
        place_of=lambda name: entry().place_named(name),
        unseen=lambda: list(ways_past(_patches.originals())),
    )


def _opener(sink: File | OpenSink) -> OpenSink:
    if not isinstance(sink, str | os.PathLike):
        return sink
    file = Path(sink).absolute()
    kinds: dict[str, Callable[[Path], Sink]] = {".jsonl": JsonLines, ".parquet": ParquetParts}
    if (kind := kinds.get(file.suffix)) is None:
        raise SettingsError(f"sink {sink}: a query log is a .jsonl or a .parquet")
    return lambda: kind(file)


def _salt(folder: Path) -> bytes:
    try:
        return salt_of(folder)
    except OSError as error:
        logger.warning("file paths get other ids in each process, since %s is not to be had: %s", folder, error)
        return secrets.token_bytes(32)


def _close(recorders: list[Recorder]) -> None:
    deadline = time.monotonic() + EXIT_S
    for recorder in recorders:
        recorder.stop(EXIT_S)
    for recorder in recorders:
        recorder.join(max(0.0, deadline - time.monotonic()))


@cache
def _at_process_events() -> None:
    atexit.register(_at_exit)
    os.register_at_fork(after_in_child=_after_fork)
    # the children of multiprocessing end without the interpreter's exit handlers
    _at_exit_of_worker(_patches)
    multiprocessing.util.register_after_fork(_patches, _at_exit_of_worker)


def _at_exit_of_worker(_patches: Patches) -> None:
    multiprocessing.util.Finalize(None, _at_exit, exitpriority=0)


_ended = False


def _at_exit() -> None:
    global _ended
    if _ended:  # by the other handler
        return
    _ended = True
    watching.leave_all()
    relations.leave_all()
    _close([product.recorder for product in _products.values()])


def _after_fork() -> None:
    global _lock, _ended
    _lock, _ended = RLock(), False
    watching.forget_open_results()
    relations.forget_open_results()
    for product in _products.values():
        product.recorder.start_afresh()


@cache
def _stand_aside() -> None:
    tested = ", ".join(f"{major}.{minor}" for major, minor in TESTED)
    logger.warning("duckdb_sidecar was tested with DuckDB %s and stands aside on %s", tested, duckdb.__version__)


@cache
def _tell_apart(product: str, name: str, first: str, second: str) -> None:
    logger.warning(
        "%s is not captured, since %s is the database %r of product %s already: give both a name with `database`",
        second, first, name, product,
    )  # fmt: skip
