"""Stands beside a product that is not written in Python, or beside a copy of its database: reads a snapshot of it,
tells its catalog and measures what it is asked to.

    python -m duckdb_sidecar.client --product shop --database orders --snapshot orders.duckdb

Settings come from the environment (`DUCKDB_SIDECAR_...`, see `client.settings`). The snapshot must be a file that no
process writes: put a newer one in its place by renaming it. The statements to measure with are those that the product
puts into its query log (`QueryLogEvent.exemplars`).
"""

import argparse
import logging
import signal
import sys
from pathlib import Path
from threading import Event as Signal
from uuid import uuid4

from ..errors import SidecarError
from .attached import Attached
from .companion import Companion
from .exemplars import Exemplars, private_folder, salt_of
from .files import Files
from .kafka import Publisher, codec_of
from .live import SnapshotFile
from .settings import client_settings


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m duckdb_sidecar.client", description=__doc__)
    arguments.add_argument("--product", required=True)
    arguments.add_argument("--database", required=True, help="the name that its records carry")
    arguments.add_argument("--snapshot", required=True, type=Path)
    given = arguments.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = Signal()
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: stop.set())
    try:
        settings = client_settings()
        folder = private_folder(given.product)
        exemplars = Exemplars(folder)
        attached = Attached(
            given.product,
            uuid4().hex,
            settings,
            folder,
            salt_of(folder),
            exemplars,
            Files(exemplars),
            list,
            stop,
            codec_of(settings),
            Publisher(settings),
        )
    except (SidecarError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    Companion(attached, given.database, SnapshotFile(given.snapshot)).join(None)
    attached.publisher.flush(1.0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
