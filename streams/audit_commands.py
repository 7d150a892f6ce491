"""The commands of the audit: the journal verified, its head kept elsewhere, all of it written out."""

from pathlib import Path
from typing import Annotated

import typer

from streams.terminal import console, control, told

audit = typer.Typer(no_args_is_help=True, help="The journal of all decisions: verify it, keep its head, write it out.")

KEYS = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="JWK set of the control processes' public keys, the older ones too; by default the key of "
        "SIDECAR_OPERATION_KEY.",
    ),
]


@audit.command("verify")
def verify_journal(
    head: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A head that was kept elsewhere, which must be in it.")
    ] = None,
    keys: KEYS = None,
) -> None:
    """Checks the journal from its first entry: its chain of hashes, and its signatures.

    Exit 1 names the first sequence that does not hold: what was changed, is missing or stands elsewhere. That its
    last entries were cut off shows against a head alone that `sidecar audit head` has printed before.
    """
    from streams import audit as auditing
    from streams.seen import progress_on

    settings, codec = control()
    trusted = auditing.trusted(settings.operation_key, keys)
    kept = auditing.kept_in(head, trusted) if head else None
    auditing.verify(settings, codec, progress_on(console), trusted, kept)
    if head:
        console.print(f"it holds the head in {head}", soft_wrap=True)


@audit.command("head")
def print_head(keys: KEYS = None) -> None:
    """Prints the journal's head as JSON, once all before it is verified. Keep it where nobody of Kafka can write."""
    from schemas.errors import StoreError
    from store.heads import head_of
    from streams import audit as auditing
    from streams.seen import progress_on

    settings, codec = control()
    last = auditing.verify(settings, codec, progress_on(told), auditing.trusted(settings.operation_key, keys))
    if last is None:
        raise StoreError("the journal is empty, and has no head to be kept")
    typer.echo(head_of(last.entry).model_dump_json())


@audit.command("export")
def export_journal(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="To be made.")], keys: KEYS = None
) -> None:
    """Writes the journal as JSON lines and as Parquet, with its head. Ctrl-C leaves nothing.

    `journal.jsonl` has an entry a line, with what its `hash` is made of; `journal.parquet` a row for each decision,
    and for each entry without one; `head.json` is for `sidecar audit verify --head`.
    """
    from streams import audit as auditing
    from streams.audit_export import export
    from streams.seen import progress_on

    settings, codec = control()
    last = export(settings, codec, progress_on(console), auditing.trusted(settings.operation_key, keys), folder)
    console.print(f"{last.after.sequence if last else 0:,} entries are in {folder}", soft_wrap=True)
