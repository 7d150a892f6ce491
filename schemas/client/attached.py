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
class Attached:
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
    codec: Codec
    publisher: "Publisher"
    stop: Signal
    """Set when the process ends."""
