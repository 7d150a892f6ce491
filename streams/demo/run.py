"""The main job on embedded defaults: a broker, a data product beside it, the sidecar, and what it suggests."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from schemas.errors import SidecarError
from schemas.topics import TOPICS
from streams.broker import Broker, embedded
from streams.broker.mock import MockKafka
from streams.connections import confluent_config
from streams.demo.process import Process
from streams.demo.watch import Watch
from streams.seen import Progress, Seen, progress_on, tell
from streams.settings import Settings
from streams.topic_admin import TopicAdmin

SCALE = 0.51
"""TPC-H's scale factor: 3.06 million rows in the largest table."""
BUDGET_S = 45
FIRST_ANALYSIS_RUNS = 400
PATIENCE_S = 240
TELL_EVERY_S = 5


@dataclass(frozen=True, slots=True)
class Demo:
    """What runs: `settings` are those with which the broker is reached. `seen` grows as it is watched."""

    progress: Progress
    broker: Broker
    settings: Settings
    product: Process
    sidecar: Process
    watch: Watch
    seen: Seen

    def until(self, done: Callable[[], bool], stage: Callable[[], str], patience_s: float) -> None:
        """Watches, and tells the stage where it is another or has grown. Raises SidecarError after `patience_s`."""
        deadline = time.monotonic() + patience_s
        told, told_at = "", 0.0
        while not done():
            for part in (self.product, self.sidecar, self.broker):
                part.check()
            if time.monotonic() > deadline:
                raise SidecarError(f"not through after {patience_s:.0f} s; the last that was seen: {stage()}")
            self.watch.update(self.seen, 0.5)
            now = stage()
            if now != told and (now[:12] != told[:12] or time.monotonic() - told_at > TELL_EVERY_S):
                told, told_at = now, time.monotonic()
                self.progress(now)


def run(console: Console, json_file: Path | None) -> None:
    """Ends by itself when the first analysis is through, with every process stopped. Raises SidecarError."""
    progress = progress_on(console)
    with temporary_folder() as folder, started(folder, progress) as demo:
        first_analysis(demo)
        progress("stopping all")
    tell(demo.seen, console, progress, json_file)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="duckdb-sidecar-demo-") as folder:
        yield Path(folder)


@contextmanager
def started(
    folder: Path,
    progress: Progress,
    of_product: Mapping[str, str] | None = None,
    of_sidecar: Mapping[str, str] | None = None,
) -> Iterator[Demo]:
    """Everything at work, and stopped at the end. Both mappings are of the environment.

    Raises SidecarError.
    """
    with ExitStack() as stack:
        progress("generating TPC-H data")
        parquet = folder / "parquet"
        generate(parquet)
        progress("starting the broker")
        broker = stack.enter_context(embedded.start(folder / "kafka", progress=progress))
        progress(broker.description)
        settings = Settings(bootstrap_servers=broker.bootstrap_servers, data_folder=folder / "sidecar")
        if isinstance(broker, MockKafka):
            for topic in TOPICS:
                broker.create_topic(topic.name, topic.partitions)
        else:
            TopicAdmin(confluent_config(settings), settings.topic_prefix, settings.group_prefix).create()
        progress("starting the data product: loads its database, then serves a back office")
        servers = broker.bootstrap_servers
        product = stack.enter_context(_product(folder, parquet, servers, of_product or {}))
        progress("starting sidecar run")
        sidecar = stack.enter_context(_sidecar(folder, servers, of_sidecar or {}))
        watch = stack.enter_context(closing(Watch(servers, settings.topic_prefix)))
        yield Demo(progress, broker, settings, product, sidecar, watch, Seen())


def first_analysis(demo: Demo) -> None:
    seen = demo.seen
    demo.until(lambda: seen.complete, lambda: _stage(seen), PATIENCE_S)


def generate(folder: Path, scale: float = SCALE) -> None:
    generator = Path(sys.executable).with_name("tpchgen-cli")
    command = [str(generator), "parquet", "-s", str(scale), "-o", str(folder)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if made.returncode:
        raise SidecarError(f"the data could not be generated: {made.stderr.strip()[-500:]}")


def _product(folder: Path, parquet: Path, bootstrap_servers: str, environment: Mapping[str, str]) -> Process:
    command = [
        sys.executable, "-m", "streams.demo.product",
        "--database", str(folder / "back_office.duckdb"), "--parquet", str(parquet), "--scale", str(SCALE),
    ]  # fmt: skip
    ours = {
        "DUCKDB_SIDECAR_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
        "DUCKDB_SIDECAR_CLONE_SLOWDOWN": "20",  # all of the demo shares a machine; a product would not take that
        "XDG_STATE_HOME": str(folder / "state"),  # where the client keeps exemplars and makes clones
    }
    return Process("the data product", command, folder / "product.log", {**ours, **environment})


def _sidecar(folder: Path, bootstrap_servers: str, environment: Mapping[str, str]) -> Process:
    ours = {
        "SIDECAR_BOOTSTRAP_SERVERS": bootstrap_servers,
        "SIDECAR_DATA_FOLDER": str(folder / "sidecar"),
        "SIDECAR_HTTP_PORT": "0",
        "SIDECAR_ANALYSIS_MIN_RUNS": str(FIRST_ANALYSIS_RUNS),
        "SIDECAR_ANALYSIS_BUDGET_S": str(BUDGET_S),
    }
    command = [sys.executable, "-m", "streams.cli", "run"]
    return Process("sidecar run", command, folder / "sidecar.log", {**ours, **environment})


def _stage(seen: Seen) -> str:
    if seen.measured:
        return f"concluding from {len(seen.measured.results)} results measured in {seen.measured.measured_s:.0f} s"
    if seen.asked:
        most = f"{seen.asked.budget_s:.0f} s at most"
        return f"measuring {len(seen.asked.candidates)} candidates on a clone beside the product, {most}"
    if seen.runs:
        return f"watching the query log: {seen.runs:,} runs of {len(seen.shapes)} shapes"
    return "waiting for the first queries"
