"""What everything shares that works beside one product in one process."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Signal
from typing import TYPE_CHECKING

from ..codec import Codec
from .exemplars import Exemplars
from .files import Files
from .settings import ClientSettings

if TYPE_CHECKING:
    from .kafka import Publisher  # it needs confluent-kafka, an extra, and measuring does not


@dataclass(frozen=True, slots=True)
class Local:
    """As much of it as reading, cloning and measuring take."""

    product: str
    instance: str
    settings: ClientSettings
    folder: Path
    """The product's own, for its user alone."""
    salt: bytes
    """Of file paths' ids."""
    exemplars: Exemplars
    files: Files
    unseen: Callable[[], Sequence[str]]
    """Ways past the query log."""
    stop: Signal
    """Set when the process ends."""


@dataclass(frozen=True, slots=True)
class Attached(Local):
    """To Kafka."""

    codec: Codec
    publisher: "Publisher"
