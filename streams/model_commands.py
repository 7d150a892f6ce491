"""The commands of the models: what they are, one text read, their times, and others for a process that runs."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from schemas.errors import InputError, NotItsTask
from streams import settings as configuration
from streams.terminal import console, progress, table

if TYPE_CHECKING:
    from inference.language.asks import Ask, Reply
    from inference.language.reading import Table
    from inference.worker.client import Worker
    from inference.worker.life import Models

model = typer.Typer(no_args_is_help=True, help="The models: what they are, a text read, their times, others instead.")

ROUNDS = 100
CANDIDATES = (24, 200, 1_000)
AT_ONCE = 64
MB = 1 << 20

RANKER = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="The model that ranks.", show_default="that of the settings")
]
READER = Annotated[
    Path | None,
    typer.Option("--model", metavar="FOLDER", help="The one that reads text.", show_default="that of the settings"),
]
ADAPTER = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Laid over the model that reads text, as LoRA makes one.",
        show_default="that of the settings, with their model",
    ),
]


class Task(StrEnum):
    REQUEST = "request"
    REASON = "reason"
    PROPOSAL = "proposal"


@model.command("info")
def info(ranker: RANKER = None, reader: READER = None, adapter: ADAPTER = None) -> None:
    """Which models rank candidates and read text, and how they run here: they are started once, as a sidecar does."""
    from inference import facts

    models = _models(ranker, reader, adapter)
    shown = table("task", "model", "version", "kind", "parameters", "MB", "folder")
    for task, folder, over in (("rank", models.ranker, None), ("read", models.model, models.adapter)):
        if folder:
            one = facts.of(folder, over)
            size = f"{one.bytes / MB:.1f}"
            folders = " + ".join(map(str, filter(None, (folder, over))))
            does = f"{task} ({', '.join(one.reads)})" if one.reads else task
            told = (does, one.name, one.version, one.kind, f"{one.parameters:,}", size, folders)
            shown.add_row(*map(escape, told))
        else:
            shown.add_row(task, "the rules")
    console.print(shown)
    if models.arguments():
        _with_worker(models, _told)


@model.command("try")
def try_(
    text: Annotated[str, typer.Argument(help="As somebody would write it.")],
    database: Annotated[
        Path | None, typer.Option(metavar="FILE.duckdb", help="On whose tables a request is read; it is only read.")
    ] = None,
    task: Annotated[
        Task, typer.Option(help="A request, the reason of a rejection, or another domain's proposal.")
    ] = Task.REQUEST,
    contract: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="By which a proposal is answered: see above.")
    ] = None,
    reader: READER = None,
    adapter: ADAPTER = None,
) -> None:
    """How a text is read, and by whom. Nothing is done of it.

    `sidecar model try "the dashboard on late shipments is slow" --database shop.duckdb`

    `sidecar model try "not before the end of the month" --task reason`

    `sidecar model try "please drop orders.note, it costs 20" --task proposal --contract orders.toml`

    A proposal is answered by a model alone, as accept, counter or refuse with the class of the reason. The contract
    says `table`, `owner`, `of` (who proposes) and, where they are not empty, `to` (who is asked, by default the owner),
    `promised` and `private` (columns), `budget` (a month) and `frozen`:

    `table = "orders"; owner = "sales"; of = "logistics"; promised = ["id", "total"]; budget = 50`, a line each.
    """
    from inference.advisor.focusing import said
    from inference.language import tasks
    from streams import contract_file

    if task is Task.PROPOSAL:
        if contract is None:
            raise typer.BadParameter("a proposal is answered by a contract: give --contract FILE.toml")
        reply = _reply(tasks.proposal_ask(*contract_file.read(contract, text)), reader, adapter)
        verdict = tasks.verdict_of(reply.answer)
        found = tasks.id_of(*verdict) if verdict else tasks.NOT_UNDERSTOOD
    elif task is Task.REASON:
        reply = _reply(tasks.reason_ask(text), reader, adapter)
        found = tasks.reason_of(reply.answer) or tasks.NOT_UNDERSTOOD
    elif database is None:
        raise typer.BadParameter("a request is read on the tables of a database: give --database FILE.duckdb")
    else:
        reply = _reply(tasks.request_ask(text, _tables(database)), reader, adapter)
        found = said(tasks.operations_of(reply.answer)) or tasks.NOT_UNDERSTOOD
    console.print(found, markup=False, soft_wrap=True)
    console.print(f"read by {reply.told}", markup=False, soft_wrap=True)


@model.command("bench")
def bench(ranker: RANKER = None, reader: READER = None, adapter: ADAPTER = None) -> None:
    """How long the models take on this machine, the way to the worker and back included."""
    _with_worker(_models(ranker, reader, adapter), _timed)


@model.command("swap")
def swap(ranker: RANKER = None, reader: READER = None, adapter: ADAPTER = None) -> None:
    """Gives a sidecar that runs other models, until it ends. What does not load is refused, and the old ones go on.

    An adapter alone is laid over the model that runs; another model goes without the adapter of the one before.

    For the next start, name them by SIDECAR_RANKER, SIDECAR_MODEL and SIDECAR_MODEL_ADAPTER.
    """
    from streams import swapping

    named = {"ranker": ranker, "model": reader, "adapter": adapter}
    if not any(named.values()):
        raise typer.BadParameter("give --ranker FOLDER, --model FOLDER, --adapter FOLDER, or several of them")
    wanted = swapping.Wanted(**{name: folder and folder.resolve() for name, folder in named.items()})
    asyncio.run(swapping.ask(configuration.load().data_folder, wanted))
    console.print("swapped, until the sidecar ends")


def _models(ranker: Path | None, reader: Path | None, adapter: Path | None) -> "Models":
    from streams.judges import models_of

    return models_of(configuration.load()).instead(ranker, reader, adapter)


def _with_worker(models: "Models", told: "Callable[[Worker, Models], Awaitable[None]]") -> None:
    from inference.worker.client import Worker
    from inference.worker.life import Limits

    limits = Limits(silence_s=configuration.load().model_silence_s)

    async def run() -> None:
        async with Worker(models, limits) as worker:
            await told(worker, models)

    asyncio.run(run())


async def _told(worker: "Worker", _: "Models") -> None:
    console.print(
        f"computed by {worker.backend}, BLAS: {worker.blas or 'none, which is slow'}; "
        f"{worker.figures.resident_bytes / MB:.0f} MB resident",
        soft_wrap=True,
    )


async def _timed(worker: "Worker", models: "Models") -> None:
    from inference.worker import timing

    shown = table("asked", "p50 ms", "p95 ms", "p99 ms", f"a second, {AT_ONCE} at once")
    work: dict[str, list[timing.Work]] = {}
    for candidates in CANDIDATES if models.ranker else ():
        asked = timing.lists(candidates, 2 * ROUNDS)
        work[f"{candidates:,} candidates ranked"] = timing.rankings(worker, asked)
    if models.model:
        work["a request read on four tables"] = timing.readings(worker, timing.requests(2 * ROUNDS))
        work["the reason of a rejection read"] = timing.readings(worker, timing.reasons(2 * ROUNDS))
    for name, some in work.items():
        progress(f"{name}, {ROUNDS} times in turn and as many at once")
        try:
            times = await timing.in_turn(some[:ROUNDS])
        except NotItsTask as error:
            progress(f"not timed: {error}")
            continue
        many = await timing.a_second(some[ROUNDS:], AT_ONCE)
        shown.add_row(name, *(f"{times.at(part):.1f}" for part in (0.5, 0.95, 0.99)), f"{many:,.0f}")
    console.print(shown)


def _reply(ask: "Ask", reader: Path | None, adapter: Path | None) -> "Reply":
    """By the model of the settings, or by words."""
    from inference.language.asks import Reply
    from streams.judges import answering

    settings = configuration.load()
    if reader or adapter:
        models = _models(None, reader, adapter)
        chosen = {"model": models.model, "model_adapter": models.adapter, "model_url": "", "model_name": ""}
        settings = settings.model_copy(update=chosen)
    with answering(settings.model_copy(update={"ranker": "rules"})) as answer:
        (reply,) = answer([ask])
    if not isinstance(reply, Reply):
        raise InputError("nobody could read it: see the warning above")
    return reply


def _tables(file: Path) -> "tuple[Table, ...]":
    from inference.advisor.focusing import readable
    from inference.advisor.tables import Tables
    from schemas.client.catalog import place_of, structure
    from streams.offline import opened

    with opened(file) as connection:
        return readable(Tables(structure(connection, place_of(connection).database)))
