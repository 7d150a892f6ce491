"""The command line. Errors of ours end it with one clear line and exit code 1.

What a command needs is imported when it runs: `sidecar --help` shall not wait for Faust.
"""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import SidecarError
from streams import people_commands as people
from streams import review_commands as review
from streams import settings as configuration
from streams.audit_commands import audit
from streams.backup_commands import backup
from streams.model_commands import model
from streams.notify_commands import notify
from streams.terminal import console, control, progress, reachable, table, told

if TYPE_CHECKING:
    from streams.topic_admin import TopicAdmin

cli = typer.Typer(
    name="sidecar",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="A sidecar for DuckDB data products: reads the query log, proves improvements on a clone, "
    "suggests what was measured. Start with: sidecar demo",
)
topics = typer.Typer(no_args_is_help=True, help="The topics: show, create or export them.")
dead_letters = typer.Typer(no_args_is_help=True, help="What could not be read: list it, send it again.")
store = typer.Typer(no_args_is_help=True, help="The knowledge file: make it anew from the topics, verify it.")
cli.add_typer(topics, name="topics")
cli.add_typer(dead_letters, name="dead-letters")
cli.add_typer(store, name="store")
cli.add_typer(audit, name="audit")
cli.add_typer(backup, name="backup")
cli.add_typer(people.policy, name="policy")
cli.add_typer(people.keys, name="keys")
cli.add_typer(notify, name="notify")
cli.add_typer(review.feedback, name="feedback")
cli.add_typer(model, name="model")


class Role(StrEnum):
    BOTH = "both"
    STREAMS = "streams"
    CONTROL = "control"


@cli.command()
def demo(
    json: Annotated[Path | None, typer.Option(help="Write suggestions, refusals and counts to this file too.")] = None,
    loop: Annotated[
        bool, typer.Option("--loop", help="Go on: approve, carry out, compare with the promise, take back.")
    ] = False,
) -> None:
    """The main job on embedded defaults: a broker, a data product with a workload, its first suggestions.

    Takes under three minutes, with --loop under eight, writes nothing outside a temporary folder, and stops all that
    it started.
    """
    del sys.argv[1:]  # Faust reads them where it is imported, and would take --loop for its own
    if loop:
        from streams.demo.loop import run as run_demo
    else:
        from streams.demo.run import run as run_demo
    run_demo(console, json)


@cli.command()
def run(
    role: Annotated[Role, typer.Option(help="One control beside any number of streams; both in one by default.")] = (
        Role.BOTH
    ),
) -> None:
    """The sidecar, until Ctrl-C or SIGTERM. Without bootstrap servers it starts a Kafka of its own."""
    from streams import app

    app.run(configuration.load(), role.value)


@cli.command()
def analyze(
    file: Annotated[Path | None, typer.Argument(metavar="FILE.duckdb", help="The database; it is only read.")] = None,
    queries: Annotated[
        Path | None,
        typer.Option(
            metavar="LOG",
            help="Its queries: SQL text, or .csv, .jsonl or .parquet with a column `statement` and, where known, "
            "`frequency`, `latency_us` or `latency_ms`, `time`; or what a client's `sink=` wrote.",
        ),
    ] = None,
    budget: Annotated[float, typer.Option(metavar="SECONDS", min=1, help="Of measuring, at the most.")] = 120,
    json: Annotated[Path | None, typer.Option(help="Write suggestions, refusals and counts to this file too.")] = None,
    product: Annotated[str, typer.Option(help="Instead of a file: a product that runs, as its client names it.")] = "",
    database: Annotated[str, typer.Option(help="One database of the product; all where it is left out.")] = "",
    text: Annotated[str, typer.Option(help="What it is about, in words, such as what is slow.")] = "",
) -> None:
    """What would make a database faster: of a file and a log of its queries, or of a product that runs.

    `sidecar analyze shop.duckdb --queries log.sql` needs no Kafka and no `sidecar run`. It measures on a clone in a
    temporary folder (the client's settings DUCKDB_SIDECAR_CLONE_... hold) and prints what gains. No process may have
    the file open for writing.

    `sidecar analyze --product shop` asks the control process for an analysis now; `sidecar suggestions` lists what
    comes of it, or why that is nothing.

    With `--text "the list of late shipments is slow"` either is about that alone, where it can be read as something on
    the database's own tables.
    """
    if file and queries and not product:
        from streams.judges import answering
        from streams.offline import analyze as analyze_file
        from streams.seen import progress_on, tell

        shown = progress_on(console)
        with answering(configuration.load()) as answer:
            seen = analyze_file(file, queries, budget, shown, text, answer)
        tell(seen, console, shown, json)
        return
    if file or queries or json or not product:
        raise typer.BadParameter("give FILE.duckdb and --queries LOG, or --product NAME alone")
    from streams.api_client import api_client

    console.print(f"asked, as request {api_client(configuration.load()).analyse(product, database, text)}")
    read = ", and how the text was read" if text else ""
    console.print(
        f"`sidecar suggestions --product {product}` tells what comes of it, or why nothing does{read}", soft_wrap=True
    )


@cli.command()
def kafka() -> None:
    """A real Apache Kafka on 127.0.0.1, kept under the data folder, until Ctrl-C."""
    from streams.broker import embedded

    settings = configuration.load()
    embedded.serve(settings.data_folder / "kafka", settings.kafka_port, progress=progress)


@cli.command()
def settings() -> None:
    """Every setting with its value, where that comes from, and what it is for."""
    from streams import listed_settings

    listed = table("setting", "value", "source", "what it is")
    for one in listed_settings.listed(configuration.load()):
        listed.add_row(one.variable, one.value, one.source, f"{one.help} ({one.unit})" if one.unit else one.help)
    console.print(listed)
    for name in configuration.unknown_variables():
        told.print(f"[yellow]{name} is no setting of ours: a slip of the pen?[/]")


@topics.command("show")
def show_topics() -> None:
    """Each topic as it is in Kafka, and what is wrong with it."""
    listed = table("topic", "partitions", "kept", "purpose", "problem")
    problems = False
    for found in _topic_admin().show():
        listed.add_row(found.name, str(found.partitions), found.kept, found.topic.purpose, found.problem)
        problems = problems or bool(found.problem)
    console.print(listed)
    if problems:
        raise typer.Exit(1)


@topics.command("create")
def create_topics() -> None:
    """Creates the topics that are missing."""
    created = _topic_admin().create()
    console.print("created " + ", ".join(created) if created else "all topics are there")


@topics.command("export")
def export_topics() -> None:
    """The topics and the rights that each role needs, as JSON for whoever runs your Kafka."""
    console.print_json(json.dumps(_topic_admin().export()))


@dead_letters.command("list")
def list_dead_letters() -> None:
    """What could not be read, oldest first."""
    from streams import connections, dead_letters

    settings = reachable()
    listed = table("id", "time", "where it was", "agent", "bytes", "why")
    config, prefix = connections.confluent_config(settings), settings.topic_prefix
    for one in dead_letters.read(config, prefix, settings.group_prefix, connections.codec(settings)):
        where = f"{one.source.topic} {one.source.partition}:{one.source.offset}"
        listed.add_row(
            one.event_id, f"{one.time:%Y-%m-%d %H:%M:%S}", where, one.agent, str(len(one.payload)), one.message
        )
    console.print(listed if listed.row_count else "no dead letters")


@dead_letters.command("replay")
def replay_dead_letters(
    ids: Annotated[list[str], typer.Argument(help="Ids of letters, or how they begin.", metavar="ID...")],
) -> None:
    """Sends the original bytes to where they came from, once whatever was wrong with them is mended."""
    from streams import connections, dead_letters

    settings = reachable()
    config, prefix = connections.confluent_config(settings), settings.topic_prefix
    letters = dead_letters.read(config, prefix, settings.group_prefix, connections.codec(settings))
    chosen = dead_letters.choose(letters, ids)
    dead_letters.replay(config, prefix, chosen)
    console.print(f"sent {len(chosen)} again")


@store.command("rebuild")
def rebuild_store() -> None:
    """Makes the knowledge file anew from the topics `patterns`, `journal` and the other inputs.

    For when the file is lost or damaged. It has to be set aside first, and no control process may run on it. Nothing
    is decided again and nothing is sent; `sidecar run` goes on from there. Ctrl-C leaves no half file.
    """
    from streams.seen import progress_on
    from streams.store_file import rebuild

    settings, codec = control()
    head = rebuild(settings, codec, progress_on(console))
    console.print(
        f"{settings.store_path} is made: it stands at sequence {head.sequence} of the journal", soft_wrap=True
    )


@store.command("verify")
def verify_store(
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Rebuild into a temporary file too, and compare every table.")
    ] = False,
) -> None:
    """Checks the journal as `sidecar audit verify` does, and that the knowledge file agrees with it.

    Exit 1 names the first sequence that does not hold. While a control process runs its file cannot be looked at: the
    journal is checked all the same, and that is said.
    """
    from streams.seen import progress_on
    from streams.store_file import verify

    settings, codec = control()
    verify(settings, codec, progress_on(console), by_rebuild=rebuild)


def _topic_admin() -> "TopicAdmin":
    from streams.connections import confluent_config
    from streams.topic_admin import TopicAdmin

    settings = reachable()
    return TopicAdmin(confluent_config(settings), settings.topic_prefix, settings.group_prefix)


for command in (
    people.suggestions,
    people.show,
    people.approve,
    people.reject,
    people.defer,
    people.code,
    people.apply,
    people.comment,
    people.operations,
    people.rollback,
    review.report,
    review.why,
    review.learn,
):
    cli.command()(command)


def main() -> None:
    try:
        cli()
    except SidecarError as error:
        told.print(f"[bold red]error[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
