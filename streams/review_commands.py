"""The commands that look back, in the knowledge file: what was promised and what came, why, and to learn from."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from duckdb import CatalogException, DuckDBPyConnection

from schemas.errors import InputError, SettingsError, StoreError, StoreTaken
from streams.settings import load
from streams.terminal import console, progress, reachable, table

if TYPE_CHECKING:
    from streams.api_client import ApiClient

T = TypeVar("T")
feedback = typer.Typer(no_args_is_help=True, help="What people and production said of suggestions.")


def report(
    month: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m"], metavar="YYYY-MM", help="Of this month alone.")
    ] = None,
    product: Annotated[str, typer.Option(help="Of this product alone.")] = "",
    json: Annotated[Path | None, typer.Option(help="Write it as JSON to this file too.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Write a plot of it to this file too.")] = None,
) -> None:
    """What was promised and what came, as Markdown: the time that was saved, less what the sidecar takes itself.

    And processor seconds, where enough runs were sampled to tell; what the sidecar takes of those is not recorded.
    """
    from pydantic import TypeAdapter

    from store import report as promised
    from streams.access import report_markdown, report_svg

    of = month.date() if month else None
    found = _here_or_asked(lambda tx: promised.report(tx, of, product or None), lambda api: api.report(of, product))
    console.print(report_markdown.markdown(found), end="", markup=False, highlight=False, soft_wrap=True)
    if json:
        _write(json, TypeAdapter(promised.Report).dump_json(found, indent=2) + b"\n")
    if svg:
        _write(svg, report_svg.svg(found).encode())


def why(
    suggestion: Annotated[
        str, typer.Argument(metavar="ID", help="Of a suggestion, or how it begins; or words of what was not suggested.")
    ],
) -> None:
    """The whole story of a suggestion: what led to it, what was measured, who decided what, what came of it.

    Of what was looked at and not suggested, by words of its title or its rule: why not.
    """
    from streams.access import story

    lines = _here_or_asked(lambda tx: story.lines(tx, suggestion), lambda api: api.story(suggestion))
    if lines is None:
        raise InputError(
            f"{suggestion!r} names no suggestion alone, and nothing that the newest analyses passed over: "
            "`sidecar suggestions` lists ids"
        )
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


@feedback.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Its name ends in .jsonl or .parquet.")],
) -> None:
    """Writes every suggestion of which something was said, decided, scored or measured, as an example to learn from.

    Without literals and without anybody's name, but with the words of comments. No control process may run meanwhile:
    it alone has the knowledge file open.
    """
    from store.examples import examples
    from streams.access import examples_file

    if (write := {".jsonl": examples_file.jsonl, ".parquet": examples_file.parquet}.get(file.suffix)) is None:
        raise InputError(f"{file} is neither .jsonl nor .parquet: name it so")
    with _knowledge() as tx:
        found = examples(tx)
    _write(file, write(found))
    console.print(f"{len(found)} examples in {file}", soft_wrap=True, markup=False)


def learn(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Of the new model, to be made.")],
    backup: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A backup, or its name in the folder: instead of the knowledge file."),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Labels that the model was made from; by default ours.")
    ] = None,
) -> None:
    """Trains the ranking model further on what came of this installation's own analyses.

    What was measured, what production and people said of it since, make lists of candidates. Part of the analyses is
    held back, and old and new model are judged on those: only one that judges better is written, else exit 1. It is
    asked nothing until you say so. The analyses are read from the journal in Kafka, what came of them from the
    knowledge file: no control process may run meanwhile, or name a backup.
    """
    from inference.worker.blas import SLOW, load_blas

    if load_blas() is None:  # before MLX
        progress(SLOW)
    from inference.distill.labels import FOLDER
    from inference.shipped import RANKER
    from schemas.records import JournalEntry
    from schemas.topics import JOURNAL
    from store.analysed import analysed
    from streams import connections, learning, topic_reading
    from streams.topic_admin import NEEDS_GROUP

    settings = reachable()
    codec = connections.codec(settings)
    base = settings.ranker if isinstance(settings.ranker, Path) else RANKER
    if not base.exists():
        raise SettingsError(f"there is no model in {base} to train further: name one by SIDECAR_RANKER")
    with _backed_up(backup) if backup else _knowledge() as tx:
        answered = analysed(tx, learning.MOST)
    progress(f"{len(answered):,} analyses are known; what they asked is read from the journal")
    group = settings.group_prefix + NEEDS_GROUP["control"]  # nobody else has the right to read the journal
    config, prefix = connections.confluent_config(settings), settings.topic_prefix
    entries = topic_reading.read(config, prefix, group, JOURNAL, JournalEntry, codec)
    found = learning.lists(learning.requests(entries, codec, answered), answered)
    learned = learning.learn(base, found, labels or FOLDER, folder, progress)
    shown = table(f"on {learned.held_back} lists", "before", "now", "difference, with its 95 % interval")
    for name, one in learned.figures.items():
        by = one.by
        shown.add_row(
            name, f"{one.old.mean:.3f}", f"{one.new.mean:.3f}", f"{by.mean:+.3f} ({by.low:+.3f} to {by.high:+.3f})"
        )
    console.print(shown)
    if not learned.is_better:
        console.print("the new model is not surely better, and is not written: the one in use stays")
        raise typer.Exit(1)
    how = f"`sidecar model swap --ranker {folder}`, or SIDECAR_RANKER={folder} from the next start on"
    console.print(f"the new model is in {folder}: {how}", soft_wrap=True, markup=False)


def _here_or_asked(here: Callable[[DuckDBPyConnection], T], asked: "Callable[[ApiClient], T]") -> T:
    """From the knowledge file where no control process has it open, else from that process."""
    from streams.api_client import api_client

    settings = load()
    if settings.store_path.exists() and not settings.api_url:
        with suppress(StoreTaken), _knowledge() as tx:
            return here(tx)
    return asked(api_client(settings))


@contextmanager
def _knowledge() -> Iterator[DuckDBPyConnection]:
    """The knowledge file, which is not written. Raises StoreError."""
    from store.knowledge import reading

    path = load().store_path
    if not path.exists():
        raise StoreError(
            f"there is no knowledge file {path} yet, so nothing is known: `sidecar run` makes it, or name another one "
            "by SIDECAR_STORE_PATH"
        )
    try:
        with reading(path) as tx:
            yield tx
    except StoreTaken as error:
        raise StoreTaken(
            f"a control process has {path} open, and DuckDB lets no other in: stop that for a moment, or stop it and "
            "copy the file, and name the copy by SIDECAR_STORE_PATH"
        ) from error
    except CatalogException as error:
        raise StoreError(
            f"{path} is no knowledge file, or one of another release: start the control process of this one once"
        ) from error


@contextmanager
def _backed_up(name: Path) -> Iterator[DuckDBPyConnection]:
    """The knowledge file of a backup, in a temporary folder. Raises BackupError, StoreError."""
    from tempfile import TemporaryDirectory

    from store.knowledge import reading
    from streams import backups
    from streams.app import backup_key

    settings = load()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "store.duckdb"
        path = backups.chosen(settings.backup_folder, name)
        backups.restore(path, backup_key(settings).load(), file, None, progress)
        with reading(file) as tx:
            yield tx


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise InputError(f"{file} cannot be written ({error.strerror}): name another file") from error
