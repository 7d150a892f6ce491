"""The ids of the topics that the agents read: a topic made anew under its name is another, with another id."""

import asyncio
from collections.abc import Callable, Iterable, Mapping


class TopicIds:
    """They are looked up at first use, and again when a partition's offsets go back: it may be a new topic's."""

    def __init__(self, look_up: Callable[[], Mapping[str, str]]) -> None:
        """`look_up` may block. What it raises, `at` raises."""
        self._look_up = look_up
        self._ids: Mapping[str, str] = {}
        self._last: dict[tuple[str, int], int] = {}

    async def at(self, places: Iterable[tuple[str, int, int]]) -> Mapping[str, str]:
        """The ids by topic, as of these records: topic, partition, offset, in the order of reading."""
        last = dict(self._last)
        back = not self._ids
        for topic, partition, offset in places:
            back = back or offset <= last.get((topic, partition), -1)
            last[topic, partition] = offset
        if back:
            self._ids = await asyncio.to_thread(self._look_up)
        self._last = last
        return self._ids
