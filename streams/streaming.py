"""The streams role in a process: the agents on Faust, and the processes in which their steps and the models run."""

import asyncio
from collections.abc import Callable

import faust

from schemas.errors import BrokerError
from schemas.topics import ANALYSIS_REQUESTS, APPROVALS, MEASUREMENTS, QUERY_LOG
from streams import connections, faust_app, faust_connection
from streams.agents.offload import Offload
from streams.judges import Judges
from streams.settings import Settings
from streams.swapping import Swapping
from streams.topic_admin import NEEDS_GROUP, TopicAdmin

LOOK_S = 0.5


class Streaming:
    """`fail` is told why nothing goes on any more; the process is to end then."""

    def __init__(self, settings: Settings, fail: Callable[[str], None]) -> None:
        """Opens nothing. Raises SettingsError."""
        self._settings = settings
        self._fail = fail
        self._app: faust.App | None = None
        make_codec = connections.codec_maker(settings)
        self._judges = Judges(settings)
        self._swapping = Swapping(settings.data_folder, self._judges.swap)
        # A process does one step at a time, and a step that asks a model may wait for it: others wait elsewhere.
        computing = Offload(["streams.agents.observe.Observe", "streams.agents.conclude.Conclude"], make_codec)
        asking = Offload(["streams.agents.advise.Advise", "streams.agents.read.Read"], make_codec, self._judges.answer)
        self._offloads = (computing, asking)
        self._agents = (
            ("observe", QUERY_LOG, computing),
            ("advise", ANALYSIS_REQUESTS, asking),
            ("conclude", MEASUREMENTS, computing),
            ("read", APPROVALS, asking),
        )

    async def prepare(self) -> None:
        """What needs no Kafka. Raises SidecarError."""
        await asyncio.gather(*(part.start() for part in (*self._offloads, self._judges)))
        await self._swapping.start()

    async def start(self, admin: TopicAdmin) -> None:
        """Once Kafka answers. Raises BrokerError; then, too, it is to be stopped."""
        settings = self._settings
        group = settings.group_prefix + NEEDS_GROUP["streams"]
        self._app = faust_app.build(
            faust_connection.config(settings),
            group,
            settings.topic_prefix,
            settings.data_folder / "faust",
            self._agents,
            lambda: admin.topic_ids(settings.topic_prefix + reads.name for _, reads, _ in self._agents),
            self._fail,
        )
        starting = asyncio.ensure_future(self._app.start())
        done, _ = await asyncio.wait({starting}, timeout=settings.start_timeout_s)
        if not done:
            raise BrokerError(
                f"Faust did not join the group {group} within {settings.start_timeout_s:g} s, though Kafka answers: "
                "see the log, and give it more time by start_timeout_s"
            )
        if error := starting.exception():
            raise BrokerError(f"Faust cannot start: {error!r}") from error

    async def watch(self) -> None:
        """Until Faust ends by itself."""
        while self._app and not self._app.crashed:
            await asyncio.sleep(LOOK_S)
        self._fail(f"Faust ended: {self._app and self._app.crash_reason!r}")

    async def stop(self) -> bool:
        """Finishes and commits what is at work; false where that does not end in time."""
        ended = True
        if self._app:
            stopping = asyncio.ensure_future(self._app.stop())
            ended = bool((await asyncio.wait({stopping}, timeout=self._settings.stop_timeout_s))[0])
        for part in (self._swapping, *self._offloads, self._judges):
            await part.stop()
        return ended
