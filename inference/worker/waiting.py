"""What waits: the most urgent first, and of those the oldest; what is past its deadline is not worked on."""

from enum import IntEnum
from typing import Generic, Protocol, TypeVar

from schemas.errors import Overloaded


class Priority(IntEnum):
    PEOPLE = 0
    """Somebody waits for it."""
    AGENTS = 1
    BACKGROUND = 2


class Request(Protocol):
    @property
    def priority(self) -> Priority: ...
    @property
    def deadline(self) -> float:
        """By `time.monotonic`, which all processes of a machine share."""


R = TypeVar("R", bound=Request)


class Waiting(Generic[R]):
    """At most `limit` requests, each with a key of its own."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._requests: dict[Priority, dict[int, R]] = {priority: {} for priority in Priority}

    def __len__(self) -> int:
        return sum(map(len, self._requests.values()))

    def add(self, key: int, request: R) -> None:
        """Raises Overloaded."""
        if len(self) >= self.limit:
            raise Overloaded(f"{self.limit} requests wait for a model already: the rules decide, or ask later")
        self._requests[request.priority][key] = request

    def drop(self, key: int) -> bool:
        """Whether it waited."""
        return any(requests.pop(key, None) is not None for requests in self._requests.values())

    def take(self, most: int, now: float) -> tuple[dict[int, R], dict[int, R]]:
        """At most `most` that are in time, and those past their deadline that were found on the way."""
        taken: dict[int, R] = {}
        late: dict[int, R] = {}
        for requests in self._requests.values():
            while requests and len(taken) < most:
                key = next(iter(requests))
                request = requests.pop(key)
                (late if request.deadline <= now else taken)[key] = request
        return taken, late

    def due(self, time: float) -> list[R]:
        """Those whose deadline is not after that time; they wait no longer."""
        due = [key for requests in self._requests.values() for key, one in requests.items() if one.deadline <= time]
        return [requests.pop(key) for key in due for requests in self._requests.values() if key in requests]
