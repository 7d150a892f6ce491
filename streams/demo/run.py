"""The main job on embedded defaults: a broker, a data product beside it, the sidecar, and what it suggests."""

import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path

from rich.console import Console

from schemas.errors import SidecarError
from schemas.topics import TOPICS
from streams.broker import embedded
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


def run(console: Console, json_file: Path | None) -> None:
    """Ends by itself when the first analysis is through, with every process stopped. Raises SidecarError."""
    progress = progress_on(console)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="duckdb-sidecar-demo-")))
        seen = _first_analysis(folder, stack, progress)
        progress("stopping all")
    tell(seen, console, progress, json_file)


def _first_analysis(folder: Path, stack: ExitStack, progress: Progress) -> Seen:
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
    product = stack.enter_context(_product(folder, parquet, broker.bootstrap_servers))
    progress("starting sidecar run")
    sidecar = stack.enter_context(_sidecar(folder, broker.bootstrap_servers))
    watch = stack.enter_context(closing(Watch(broker.bootstrap_servers, settings.topic_prefix)))
    seen = Seen()
    deadline = time.monotonic() + PATIENCE_S
    told, told_at = "", 0.0
    while not seen.complete:
        product.check()
        sidecar.check()
        broker.check()
        if time.monotonic() > deadline:
            raise SidecarError(f"no suggestion after {PATIENCE_S} s; the last that was seen: {_stage(seen)}")
        watch.update(seen, 0.5)
        stage = _stage(seen)
        if stage != told and (stage[:12] != told[:12] or time.monotonic() - told_at > TELL_EVERY_S):
            told, told_at = stage, time.monotonic()
            progress(stage)
    return seen


def generate(folder: Path, scale: float = SCALE) -> None:
    generator = Path(sys.executable).with_name("tpchgen-cli")
    command = [str(generator), "parquet", "-s", str(scale), "-o", str(folder)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if made.returncode:
        raise SidecarError(f"the data could not be generated: {made.stderr.strip()[-500:]}")


def _product(folder: Path, parquet: Path, bootstrap_servers: str) -> Process:
    command = [
        sys.executable, "-m", "streams.demo.product",
        "--database", str(folder / "back_office.duckdb"), "--parquet", str(parquet), "--scale", str(SCALE),
    ]  # fmt: skip
    environment = {
        "DUCKDB_SIDECAR_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
        "DUCKDB_SIDECAR_CLONE_SLOWDOWN": "20",  # all of the demo shares a machine; a product would not take that
        "XDG_STATE_HOME": str(folder / "state"),  # where the client keeps exemplars and makes clones
    }
    return Process("the data product", command, folder / "product.log", environment)


def _sidecar(folder: Path, bootstrap_servers: str) -> Process:
    environment = {
        "SIDECAR_BOOTSTRAP_SERVERS": bootstrap_servers,
        "SIDECAR_DATA_FOLDER": str(folder / "sidecar"),
        "SIDECAR_HTTP_PORT": "0",
        "SIDECAR_ANALYSIS_MIN_RUNS": str(FIRST_ANALYSIS_RUNS),
        "SIDECAR_ANALYSIS_BUDGET_S": str(BUDGET_S),
    }
    return Process("sidecar run", [sys.executable, "-m", "streams.cli", "run"], folder / "sidecar.log", environment)


def _stage(seen: Seen) -> str:
    if seen.measured:
        return f"concluding from {len(seen.measured.results)} results measured in {seen.measured.measured_s:.0f} s"
    if seen.asked:
        return f"measuring {len(seen.asked.candidates)} candidates on a clone beside the product, {BUDGET_S} s at most"
    if seen.runs:
        return f"watching the query log: {seen.runs:,} runs of {len(seen.shapes)} shapes"
    return "waiting for the first queries"
