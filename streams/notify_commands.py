"""The commands for whoever sets up that people are told."""

import typer

from streams import settings as configuration
from streams.terminal import console

notify = typer.Typer(no_args_is_help=True, help="Slack and mail: whether they take what the sidecar tells.")


@notify.callback()
def _group() -> None:
    """So that its one command keeps its name."""


@notify.command("test")
def test_receivers() -> None:
    """Sends a message to each receiver that the settings name, and tells what went wrong. Exit 1 if anything did.

    Needs no Kafka and no `sidecar run`.
    """
    import asyncio
    from datetime import UTC, datetime
    from uuid import uuid4

    from schemas.errors import DeliveryError
    from streams.notify.notices import Notice
    from streams.notify.receivers import senders

    settings = configuration.load()
    trial = Notice(
        id=str(uuid4()),
        title="The DuckDB sidecar reaches you here",
        facts=(f"A trial of {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC: there is nothing to do.",),
        link=settings.page_url,
    )
    failed = False
    if not (found := senders(settings)):
        console.print("nobody is told: set SIDECAR_SLACK_WEBHOOK_URL, or SIDECAR_MAIL_TO and what goes with it")
    for sender in found:
        try:
            asyncio.run(sender.send([trial]))
        except DeliveryError as error:
            failed = True
            console.print(f"{sender.name}: failed: {error}", markup=False, soft_wrap=True)
        else:
            console.print(f"{sender.name}: sent")
    if failed or not found:
        raise typer.Exit(1)
