from types import TracebackType
from typing import Protocol, Self


class Broker(Protocol):
    """A running Kafka of our own, reached over TCP on loopback."""

    bootstrap_servers: str
    durable: bool
    """Whether what it acknowledged is there again after a restart."""
    description: str
    """One line for people: what it is, where it listens, what it cannot do."""

    def check(self) -> None:
        """Raises BrokerError when the broker has ended by itself."""

    def stop(self) -> None:
        """Ends the broker in order. A second call does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
