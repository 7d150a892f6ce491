"""Stands beside a product that is not written in Python, or beside a copy of its database: reads a snapshot of it,
tells its catalog, follows its log and measures what it is asked to.

    python -m duckdb_sidecar.client --product shop --database orders --snapshot orders.duckdb --log queries.jsonl

Settings come from the environment (`DUCKDB_SIDECAR_...`, see `client.settings`). The snapshot must be a file that no
process writes: put a newer one in its place by renaming it. The log has a JSON object a line (see `client.logline`);
its literals stay here, and a few of its statements are kept to measure with. Without a log the product sends its runs
itself, and the statements to measure with are those that it puts into them (`QueryLogEvent.exemplars`).
"""

import argparse
import logging
import signal
import sys
from pathlib import Path
from threading import Event as Signal

from ..errors import SettingsError, SidecarError
from .attached import Attached
from .companion import Companion
from .databases import check_name
from .exemplars import Exemplars, private_folder, salt_of
from .files import Files
from .following import Following
from .kafka import Publisher, codec_of
from .kafkasink import KafkaSink
from .live import SnapshotFile
from .recorder import INTERVAL_S, Recorder
from .sealed import seal_of
from .settings import client_settings


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m duckdb_sidecar.client", description=__doc__)
    arguments.add_argument("--product", required=True)
    arguments.add_argument("--database", required=True, help="the name that its records carry")
    arguments.add_argument("--snapshot", required=True, type=Path)
    arguments.add_argument("--log", type=Path, help="JSON lines, which the product appends to")
    given = arguments.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = Signal()
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: stop.set())
    try:
        check_name("product", given.product)
        check_name("database", given.database)
        settings = client_settings()
        if not settings.kafka.get("bootstrap.servers"):
            raise SettingsError("say where Kafka is: DUCKDB_SIDECAR_KAFKA_BOOTSTRAP_SERVERS=host:port")
        folder = private_folder(given.product)
        exemplars, salt = Exemplars(folder, seal_of(settings.exemplar_key_file)), salt_of(folder)
        recorder = Recorder(given.product, lambda: sink, exemplars, salt)
        attached = Attached(
            given.product,
            recorder.instance,
            settings,
            folder,
            salt,
            exemplars,
            Files(exemplars),
            list,
            stop,
            codec_of(settings),
            Publisher(settings),
        )
        # what a log tells of takes the way of what our client captures itself
        sink = KafkaSink(attached, lambda _: companion)
        following: Following | None = None
        if given.log is not None:
            following = Following(given.log, folder, given.database, recorder, lambda: sink.unanswered, stop)
    except (SidecarError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    companion = Companion(attached, given.database, SnapshotFile(given.snapshot))
    while not stop.wait(INTERVAL_S):
        if following is not None:
            following.work()
        attached.publisher.poll()  # what waits for a Kafka that was away
    if following is not None:
        following.close()
    companion.join(None)
    attached.publisher.flush(1.0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
