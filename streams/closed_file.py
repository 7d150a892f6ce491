"""A database file that nobody has open: what was approved for it is carried out by this process.

It stands in for the product's own: it has the file open, tells its catalog, takes the orders that are signed for it and
carries them out by the same executor, so that the same gate decides and the same ledger remembers.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event as Signal
from uuid import uuid4

import duckdb

from schemas.client import watching
from schemas.client.attached import Attached
from schemas.client.companion import Companion
from schemas.client.databases import check_name, place_of
from schemas.client.exemplars import Exemplars, private_folder, salt_of
from schemas.client.files import Files
from schemas.client.kafka import Publisher
from schemas.client.live import LiveDatabase
from schemas.client.sealed import seal_of
from schemas.client.settings import client_settings
from schemas.errors import InputError, SettingsError
from streams import connections
from streams.api_client import ApiClient
from streams.settings import Settings
from streams.web.resources import OperationShown

FIRST_S = 30.0
"""For the first order to be carried out: the catalog is told and the control process looks about once a second."""
NEXT_S = 10.0
LOOK_AGAIN_S = 0.5
STOP_S = 30.0


def apply(settings: Settings, api: ApiClient, file: Path, product: str, database: str) -> Iterator[OperationShown]:
    """What was carried out, as it ends; the iterator ends when nothing more comes.

    Raises SettingsError, InputError where the file cannot be opened to write, ApiError.
    """
    check_name("product", product)
    check_name("database", database)
    ours = client_settings(
        {
            "kafka": connections.confluent_config(settings),
            "topic_prefix": settings.topic_prefix,
            "group_prefix": settings.group_prefix,
            "measure": False,
        }
    )
    if ours.operation_keys is None:
        raise SettingsError(
            "say whose orders are taken: DUCKDB_SIDECAR_OPERATION_KEYS names a JWK set with the public half of the "
            "control process's key"
        )
    codec, folder, stop = connections.codec(settings), private_folder(product), Signal()
    exemplars = Exemplars(folder, seal_of(ours.exemplar_key_file))
    with _opened(file) as connection:
        attached = Attached(
            product,
            uuid4().hex,
            ours,
            folder,
            salt_of(folder),
            exemplars,
            Files(exemplars),
            list,
            stop,
            codec,
            Publisher(ours),
        )
        place = place_of(file)
        watching.opened(connection, file)

        companion = Companion(attached, database, LiveDatabase(place), place)
        try:
            yield from _ended(api, product, attached.instance)
        finally:
            stop.set()
            companion.join(STOP_S)
            attached.publisher.flush(1.0)


def _ended(api: ApiClient, product: str, instance: str) -> Iterator[OperationShown]:
    """Those that this process was told to do, as the control process hears that they ended."""
    seen: set[str] = set()
    late = time.monotonic() + FIRST_S
    while time.monotonic() < late:
        for one in api.operations(product):
            if one.instance == instance and one.state == "sent":
                late = max(late, time.monotonic() + NEXT_S)  # it is at work
            elif one.instance == instance and one.outcome and one.operation_id not in seen:
                seen.add(one.operation_id)
                late = time.monotonic() + NEXT_S
                yield one
        time.sleep(LOOK_AGAIN_S)


def _opened(file: Path) -> duckdb.DuckDBPyConnection:
    if not file.is_file():
        raise InputError(f"there is no file {file}: name the database")
    if not os.access(file, os.W_OK):
        raise InputError(f"{file} may not be written: by whom may it?")
    try:
        return duckdb.connect(file)
    except duckdb.IOException as error:
        if "lock" in str(error):
            raise InputError(
                f"another process has {file} open: it carries out what is approved by itself where it takes orders. "
                "Else end it first"
            ) from error
        raise InputError(f"{file} cannot be opened: {str(error).partition(chr(10))[0]}") from error
