"""The commands of backups: make one, list, verify, and put one back."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import SettingsError
from streams import settings as configuration
from streams.settings import Settings
from streams.terminal import console, reachable, table

if TYPE_CHECKING:
    from streams.seen import Progress

backup = typer.Typer(no_args_is_help=True, help="Backups of the knowledge file: make one, list, verify, put one back.")

FILE = Annotated[
    Path | None, typer.Argument(metavar="FILE", help="A backup, or its name in the folder; by default the newest.")
]


@backup.command("create")
def create_backup() -> None:
    """Makes a backup now: the control process does, where one is at work, else this command from the file itself.

    Exit 1 when none was made.
    """
    from contextlib import closing
    from threading import Event as Signal

    from schemas.errors import StoreTaken
    from store.knowledge import KnowledgeFile
    from streams import backups
    from streams.app import backup_rules

    settings = configuration.load()
    rules = backup_rules(settings)
    if rules and settings.store_path.exists() and not settings.api_url:
        try:
            with closing(KnowledgeFile(settings.store_path)) as file:
                made = backups.make(file, rules, rules.key.load(), datetime.now(UTC), Signal())
            console.print(f"made: {backups.told(made)}", soft_wrap=True)
            return
        except StoreTaken:
            console.print("a control process has the knowledge file open, and is asked")
    _ask(settings)


@backup.command("list")
def list_backups() -> None:
    """The backups in the folder, newest first. Only what they say of themselves is read: see `verify`."""
    from streams.backups import listed

    folder = configuration.load().backup_folder
    if folder is None:
        raise SettingsError("there is no folder of backups: set backup_folder")
    found, problems = listed(folder)
    shown = table("file", "time", "sequence", "MB", "Kafka cluster")
    shown.columns[0].no_wrap = True  # to be copied
    for one in found:
        of = one.header.standing
        shown.add_row(
            one.path.name, f"{one.header.time:%Y-%m-%d %H:%M:%S}", str(of.sequence), f"{one.header.bytes / 1e6:.1f}",
            of.cluster_id,
        )  # fmt: skip
    console.print(shown if found else "there are no backups")
    for problem in problems:
        console.print(str(problem), style="yellow", soft_wrap=True)


@backup.command("verify")
def verify_backup(file: FILE = None) -> None:
    """Reads a whole backup with its key. Exit 1 says what is not as it was made."""
    from streams import backups
    from streams.app import backup_key

    settings = configuration.load()
    found = backups.verify(backups.chosen(settings.backup_folder, file), backup_key(settings).load())
    console.print(f"whole: {backups.told(found)}", soft_wrap=True)


@backup.command("restore")
def restore_backup(file: FILE = None) -> None:
    """Puts a backup's knowledge file in its place, where none may be. `sidecar run` goes on from there by the topics.

    It has to be of this Kafka; where that does not answer, `sidecar run` looks. Ctrl-C leaves no half file.
    """
    from streams import backups
    from streams.app import backup_key
    from streams.seen import progress_on

    settings = configuration.load()
    progress = progress_on(console)
    path, key = backups.chosen(settings.backup_folder, file), backup_key(settings).load()
    found = backups.restore(path, key, settings.store_path, _cluster_id(progress), progress)
    console.print(f"put back: {backups.told(found)}; `sidecar run` takes the rest from the topics", soft_wrap=True)


def _cluster_id(progress: "Progress") -> str | None:
    """Of the Kafka of the settings; None where it does not answer, which is said."""
    from schemas.errors import BrokerError
    from streams import connections
    from streams.topic_admin import TopicAdmin

    settings = reachable()
    try:
        return TopicAdmin(connections.confluent_config(settings), "", "").cluster_id()
    except BrokerError as error:
        progress(f"whether it is of this Kafka, `sidecar run` looks: {error}")
        return None


def _ask(settings: Settings) -> None:
    from streams.api_client import api_client

    found = api_client(settings).back_up()
    if found is None:
        console.print("Kafka has it; no answer came yet: `sidecar backup list` shows it once it is made")
        return
    if found.reason:
        console.print(f"refused: {found.reason}", markup=False, soft_wrap=True)
        raise typer.Exit(1)
    console.print(f"made: {found.file}, as of sequence {found.sequence} of the journal", soft_wrap=True)
