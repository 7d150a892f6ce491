"""What the commands share: where they print, and how they reach Kafka."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from schemas.errors import SettingsError
from streams import settings as configuration

if TYPE_CHECKING:
    from schemas.codec import Codec
    from streams.control import ControlSettings

console = Console()
told = Console(stderr=True)


def progress(text: str) -> None:
    told.print(text, highlight=False, markup=False)


def table(*columns: str) -> Table:
    made = Table(box=None, padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def reachable() -> configuration.Settings:
    """The settings, with the address of our own broker where no other is named."""
    settings = configuration.load()
    if settings.bootstrap_servers:
        return settings
    if not settings.kafka_port:
        raise SettingsError("set SIDECAR_BOOTSTRAP_SERVERS, or SIDECAR_KAFKA_PORT to that of the embedded broker")
    return settings.model_copy(update={"bootstrap_servers": f"127.0.0.1:{settings.kafka_port}"})


def control() -> "tuple[ControlSettings, Codec]":
    """For what a command does beside the control process, or in its place."""
    from streams import connections
    from streams.app import control_settings

    settings = reachable()
    return control_settings(settings), connections.codec(settings)
