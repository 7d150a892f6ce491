"""How long the models take: the worker's round trip, throughput, memory, start and swap; and the same weights in ONNX
Runtime.

The models are those that ship, in the worker as `sidecar run` has it; the student reads all three tasks here, also what
words read by default. What is asked is new each time. The
figures of the specification stand beside. ONNX Runtime has an environment of its own, gets the same weights as a graph,
and computes the forward alone, as MLX does in the rows beside it; both with one thread.

    python deploy/benchmarks/infer.py [--rounds 300]
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from inference.worker.blas import load_blas

load_blas()  # before whatever imports MLX

import mlx.core as mx  # noqa: E402
import numpy as np  # noqa: E402
import psutil  # noqa: E402
from infer_onnx import encoding, ranking  # noqa: E402
from machine import machine  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table as Printed  # noqa: E402

from inference.judgement.network import INPUTS, forward  # noqa: E402
from inference.judgement.ranker import Student  # noqa: E402
from inference.judgement.ranker import load as load_ranker  # noqa: E402
from inference.language import encoder  # noqa: E402
from inference.language.asks import Ask  # noqa: E402
from inference.language.model import TASKS, Model  # noqa: E402
from inference.language.reading import Table  # noqa: E402
from inference.language.tasks import reason_ask, request_ask  # noqa: E402
from inference.language.tokens import Pieces  # noqa: E402
from inference.shipped import LANGUAGE, RANKER  # noqa: E402
from inference.worker import timing  # noqa: E402
from inference.worker.client import Worker  # noqa: E402
from inference.worker.life import Models  # noqa: E402
from inference.worker.timing import Times  # noqa: E402

ONNX_RUNTIME = "onnxruntime==1.32.0"
PEER = Path(__file__).resolve().with_name("infer_peer.py")
TOKENS = 128
AT_ONCE = (1, 4, 16, 64)
SUBJECTS = ("shipment", "order", "invoice", "customer")
COLUMNS = ("id", "time", "state", "amount", "count", "code", "note", "region")
WORDS = [
    *"the dashboard on late is slow since monday and we look for it by per week please".split(),
    *SUBJECTS,
    *COLUMNS,
]
MB = 1 << 20
WARM = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300, help="requests of a row")
    rounds = parser.parse_args().rounds
    console = Console(width=110)
    console.print(machine())
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(worker_tables(rounds, console, Path(folder)))
    console.print(peer_table(rounds))


async def worker_tables(rounds: int, console: Console, folder: Path) -> None:
    Model.load(LANGUAGE).that_reads(TASKS).save(folder)
    models = Models(ranker=RANKER, model=folder)
    begun = time.perf_counter()
    async with Worker(models) as worker:
        start_s = time.perf_counter() - begun
        made = _table("round trip, one after the other", "p50 ms", "p95 ms", "p99 ms", "mean ms", "goal")
        for candidates in (24, 200, 1_000):
            asked = timing.lists(candidates, rounds + WARM)
            await timing.in_turn(timing.rankings(worker, asked[:WARM]))
            found = await timing.in_turn(timing.rankings(worker, asked[WARM:]))
            _row(made, f"rank {candidates:,} candidates", found, "p95 10" if candidates == 24 else "")
        for what, asks in (("request", texts(rounds + WARM)), ("reason", reasons(rounds + WARM))):
            await timing.in_turn(timing.readings(worker, asks[:WARM]))
            found = await timing.in_turn(timing.readings(worker, asks[WARM:]))
            _row(made, f"read a {what} of {TOKENS} tokens", found, "p95 60; specification: mean 85, p95 120")
        console.print(made)
        made = _table("at once", "lists of 24 a second", "requests a second")
        for at_once in AT_ONCE:
            lists = timing.lists(24, 4 * rounds, seed=at_once)
            listed = await timing.a_second(timing.rankings(worker, lists), at_once)
            read = await timing.a_second(timing.readings(worker, texts(rounds, f"at once {at_once}")), at_once)
            made.add_row(str(at_once), f"{listed:,.0f}", f"{read:,.0f}")
        console.print(made)
        resident = psutil.Process(worker.pid).memory_info().rss / MB
        begun = time.perf_counter()
        await worker.swap(models)
        swap_s = time.perf_counter() - begun
        made = _table("the worker", "measured", "goal")
        made.add_row("cold start, both models", f"{start_s:.2f} s", "")
        made.add_row("swap, the old one answering", f"{swap_s:.2f} s", "")
        made.add_row("resident after all of this", f"{resident:,.0f} MB", "300 MB; specification: 1,200 MB")
        console.print(made)


def texts(count: int, salt: str = "") -> list[Ask]:
    """Requests on one catalog, none like another."""
    tables = [Table(name=f"{one}_{kind}", columns=tuple((f"{one}_{column}", "BIGINT") for column in COLUMNS))
              for one in SUBJECTS for kind in ("facts", "log", "daily")]  # fmt: skip
    return [request_ask(text, tables) for text in words(count, salt)]


def reasons(count: int) -> list[Ask]:
    return [reason_ask(text) for text in words(count, "because")]


def words(count: int, salt: str) -> Iterator[str]:
    """Texts of about `TOKENS` word pieces."""
    pieces, random = Pieces.load(LANGUAGE, 2 * TOKENS), np.random.default_rng(len(salt) + count)
    for number in range(count):
        said = [*salt.split(), str(number)]
        while len(pieces.read(" ".join(said)).ids) < TOKENS:
            said.append(str(random.choice(WORDS)))
        yield " ".join(said)


def peer_table(rounds: int) -> Printed:
    made = _table(
        "the forward alone, one thread", "MLX p50 ms", "p95", "ONNX Runtime p50 ms", "p95", "MLX / ONNX", "off"
    )
    with tempfile.TemporaryDirectory() as folder:
        python = peer_python(Path(folder))
        for name, graph, inputs, mine_of in forwards():
            mine = _timed(mine_of, rounds)
            if isinstance(python, str):
                made.add_row(name, f"{mine.at(0.5):.2f}", f"{mine.at(0.95):.2f}", python, "", "", "")
                continue
            (Path(folder) / "graph.onnx").write_bytes(graph)
            np.savez(Path(folder) / "inputs.npz", expected=np.asarray(mine_of()), **inputs)
            command = [str(python), str(PEER), f"{folder}/graph.onnx", f"{folder}/inputs.npz", str(rounds), "1"]
            told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            theirs = Times(told["ms"])
            made.add_row(
                name, f"{mine.at(0.5):.2f}", f"{mine.at(0.95):.2f}", f"{theirs.at(0.5):.2f}", f"{theirs.at(0.95):.2f}",
                f"{mine.at(0.5) / theirs.at(0.5):.2f}", f"{told['off']:.0e}",
            )  # fmt: skip
    return made


def forwards() -> Iterator[tuple[str, bytes, dict[str, NDArray[np.generic]], Callable[[], mx.array]]]:
    """Name, graph, inputs, and the same by MLX."""
    random = np.random.default_rng(0)
    student = load_ranker(RANKER)
    if isinstance(student, Student):
        for candidates in (24, 1_000):
            inputs = random.normal(0, 1, (1, candidates, INPUTS)).astype(np.float32)
            yield (
                f"rank {candidates:,} candidates, without trees",
                ranking(student.network.weights),
                {"inputs": inputs},
                partial(forward, student.network.weights, mx.array(inputs), mx.ones((1, candidates))),
            )
    model = Model.load(LANGUAGE)
    for rows in (1, 8):
        tokens = random.integers(0, model.config.shape.vocabulary, (rows, TOKENS)).astype(np.int32)
        mask = np.ones((rows, TOKENS), np.float32)
        yield (
            f"encode {rows} x {TOKENS} tokens",
            encoding(model.config.shape, model.weights, TOKENS),
            {"tokens": tokens, "mask": mask},
            partial(encoder.forward, model.config.shape, model.weights, mx.array(tokens), mx.array(mask)),
        )


def _timed(compute: Callable[[], mx.array], rounds: int) -> Times:
    found = []
    for number in range(rounds + WARM):
        begun = time.perf_counter()
        mx.eval(compute())
        if number >= WARM:
            found.append(1000 * (time.perf_counter() - begun))
    return Times(sorted(found))


def peer_python(folder: Path) -> Path | str:
    """Where it cannot be had, why."""
    uv = Path(sys.executable).with_name("uv")
    python = folder / "peer" / "bin" / "python"
    for command in (
        [str(uv), "venv", "--quiet", "--python", sys.executable, str(folder / "peer")],
        [str(uv), "pip", "install", "--quiet", "--python", str(python), ONNX_RUNTIME, "numpy"],
    ):
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            return made.stderr.strip().splitlines()[-1]
    return python


def _table(*heads: str) -> Printed:
    made = Printed()
    for place, head in enumerate(heads):
        made.add_column(head, justify="right" if place else "left")
    return made


def _row(made: Printed, name: str, found: Times, goal: str) -> None:
    made.add_row(name, *(f"{found.at(part):.2f}" for part in (0.5, 0.95, 0.99)), f"{found.average:.2f}", goal)


if __name__ == "__main__":
    main()
