"""A product's process attached to Kafka: its query log, its catalogs, and the answers to requests to measure."""

import atexit
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Signal

from .attached import Attached
from .companion import Companion
from .exemplars import Exemplars
from .files import Files
from .kafka import Publisher, codec_of
from .kafkasink import KafkaSink
from .live import LiveDatabase
from .settings import ClientSettings


@dataclass(frozen=True, slots=True)
class Attachment:
    """Opens the sink of a product's query log, anew in a forked child."""

    product: str
    settings: ClientSettings
    folder: Path
    salt: bytes
    exemplars: Exemplars
    instance: Callable[[], str]
    place_of: Callable[[str], str]
    """Of a database by its name."""
    unseen: Callable[[], Sequence[str]]

    def __call__(self) -> KafkaSink:
        """Raises BrokerError where the Schema Registry does not answer."""
        stop = Signal()
        # earlier than the query log's own end, so that a clone is given up while that is flushed
        atexit.register(stop.set)
        attached = Attached(
            self.product,
            self.instance(),
            self.settings,
            self.folder,
            self.salt,
            self.exemplars,
            Files(self.exemplars),
            self.unseen,
            stop,
            codec_of(self.settings),
            Publisher(self.settings),
        )
        return KafkaSink(attached, lambda name: self._beside(attached, name))

    def _beside(self, attached: Attached, name: str) -> Companion:
        place = self.place_of(name)
        return Companion(attached, name, LiveDatabase(place), place)
