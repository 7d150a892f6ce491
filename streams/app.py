"""The main path: what `sidecar run` starts, in which order, and how it ends.

HTTP comes first, so that whoever asks is answered from the first moment and while Kafka is away. Then the control
process opens its store, in a thread of its own. Once Kafka answers, and has the topics and rights that the roles need,
the Faust agents start. The end is the way back.
"""

import asyncio
import contextlib
import logging
import os
import signal
import threading
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from typing import Any, Literal

import structlog

from schemas.errors import BrokerError, SettingsError, SidecarError, TopicError
from streams import connections, faust_connection, log, metrics, urls
from streams import settings as configuration
from streams.backup_key import KeySource
from streams.backups import BackupRules
from streams.control import Control, ControlSettings
from streams.notify import receivers
from streams.notify.inbox import ROLE as NOTIFY
from streams.notify.telling import Telling
from streams.own_kafka import own_kafka
from streams.scheduling import AnalysisRules
from streams.sending import Sending
from streams.settings import Settings
from streams.streaming import Streaming
from streams.topic_admin import TopicAdmin
from streams.web import serving
from streams.web.callers import Callers
from streams.web.probes import Readiness
from streams.web.source import Source

Role = Literal["both", "streams", "control"]

REACH_AGAIN_S = (0.2, 0.5, 1, 2, 5)
"""Between attempts to reach a Kafka that does not answer; the last one stays."""
LOOK_AGAIN_S = 5
"""Between two looks at one that does."""
CHECK_AGAIN_S = 1
HEALTH_S = 0.5
LAST_WORD_S = 5

logger = structlog.get_logger(__name__)


def run(settings: Settings, role: Role) -> None:
    """Until SIGTERM or SIGINT; a second one ends the process at once. Raises SidecarError for what cannot go on."""
    log.set_up(settings.log_level, settings.log_format, settings.secrets())
    for name in configuration.unknown_variables():
        logger.warning("a variable is no setting: `sidecar settings` lists them", variable=name)
    asyncio.run(_until_signal(settings, role))


async def _until_signal(settings: Settings, role: Role) -> None:
    sidecar = Sidecar(settings, role)
    stop = asyncio.Event()

    def on_signal(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal, number)
    failure: SidecarError | None = None
    try:
        await sidecar.run(stop)
    except SidecarError as error:
        if not sidecar.stuck:
            raise
        failure = error
    if sidecar.stuck:
        # to wait for it or to cancel it could commit what was not done
        logger.critical("ended by force", reason=str(failure or "the work in flight did not end in time"))
        logging.shutdown()
        os._exit(1)
    if not sidecar.started:
        os._exit(0)  # a thread may still be at the start


class Sidecar:
    """`stuck` says that something did not end in time, so that the process has to be ended by force."""

    def __init__(self, settings: Settings, role: Role) -> None:
        """In the running event loop; opens nothing.

        Raises SettingsError for one role without a Kafka that the other can reach.
        """
        if role != "both" and not settings.bootstrap_servers:
            raise SettingsError(f"the role {role} alone needs a Kafka: start `sidecar kafka`, set bootstrap_servers")
        self._settings = settings
        self._roles = ("streams", "control") if role == "both" else (role,)
        self._failed: asyncio.Future[str] = asyncio.Future()
        self._reached = asyncio.Event()
        self._watches: set[asyncio.Task[None]] = set()
        self.readiness = Readiness("kafka", *self._roles)
        self._source = Source()
        self.started = False
        self.stuck = False

    async def run(self, stop: asyncio.Event) -> None:
        stopped = asyncio.ensure_future(stop.wait())
        settings = self._settings
        callers = callers_of(settings) if "control" in self._roles else None
        bound = serving.bind(settings.http_host, settings.http_port)
        app = serving.routes(self.readiness, self._source, callers) if callers else serving.routes(self.readiness)
        tls = None
        if settings.http_certificate_file and settings.http_key_file:
            tls = serving.Tls(settings.http_certificate_file, settings.http_key_file)
        async with contextlib.AsyncExitStack() as parts:
            await parts.enter_async_context(serving.serving(app, bound, tls))
            scheme = "https" if tls else "http"
            logger.info("listening", http=f"{scheme}://{settings.http_host}:{bound.getsockname()[1]}")
            parts.callback(self._unwatch)
            self._watch(metrics.watch_event_loop())
            starting = asyncio.create_task(self._start(parts))
            await _first(starting, stopped, self._failed)
            if self._failed.done():
                await asyncio.wait({starting}, timeout=LAST_WORD_S)  # it may find out more
            if starting.done():
                starting.result()
                self.started = True
                logger.info("running", roles=self._roles)
                await _first(stopped, self._failed)
            else:
                starting.cancel()
                await asyncio.wait({starting})
            if self._failed.done():
                raise SidecarError(self._failed.result())
            logger.info("stopping")

    async def _start(self, parts: contextlib.AsyncExitStack) -> None:
        settings = self._settings
        await asyncio.to_thread(settings.data_folder.mkdir, parents=True, exist_ok=True)
        if not settings.bootstrap_servers:
            kafka = own_kafka(settings.data_folder / "kafka", settings.kafka_port, settings.topic_prefix)
            servers = await parts.enter_async_context(kafka)
            settings = settings.model_copy(update={"bootstrap_servers": servers})
        codec = await asyncio.to_thread(connections.codec, settings, register=settings.schema_registry_register)
        control = Control(control_settings(settings), codec) if "control" in self._roles else None
        told = receivers.tellings(settings, codec, control.reading) if control else []
        if control:
            self._start_control(parts, control)
            sending = Sending(connections.confluent_config(settings), settings.topic_prefix, codec)
            parts.callback(sending.close)
            self._source.begin(control, sending)
        self._watch(self._watch_kafka(settings))
        streaming = Streaming(settings, self._fail) if "streams" in self._roles else None
        if streaming:
            parts.push_async_callback(self._stop_streaming, streaming)
            await streaming.prepare()
        await self._reached.wait()
        admin = TopicAdmin(connections.confluent_config(settings), settings.topic_prefix, settings.group_prefix)
        await self._checked(admin, [*self._roles, NOTIFY] if told else self._roles)
        self._start_telling(parts, told)
        if streaming:
            await streaming.start(admin)
            self._watch(streaming.watch())
            self.readiness.ready("streams")

    async def _checked(self, admin: TopicAdmin, roles: Sequence[str]) -> None:
        """Raises TopicError; a Kafka that does not answer, or not yet, is waited for."""
        while True:
            try:
                return await asyncio.to_thread(admin.check, roles)
            except TopicError:
                raise
            except BrokerError as error:
                logger.warning("topics and rights cannot be seen", reason=str(error), again_s=CHECK_AGAIN_S)
                await asyncio.sleep(CHECK_AGAIN_S)

    def _start_control(self, parts: contextlib.AsyncExitStack, control: Control) -> None:
        stop = threading.Event()
        running = asyncio.create_task(asyncio.to_thread(control.run, stop))
        parts.push_async_callback(self._stop_control, stop, running)
        self._watch(self._watch_control(control, running))

    async def _stop_control(self, stop: threading.Event, running: asyncio.Task[None]) -> None:
        stop.set()
        done, _ = await asyncio.wait({running}, timeout=self._settings.stop_timeout_s)
        self.stuck = self.stuck or not done

    async def _stop_streaming(self, streaming: Streaming) -> None:
        ended = await streaming.stop()
        self.stuck = self.stuck or not ended

    def _start_telling(self, parts: contextlib.AsyncExitStack, told: Sequence[Telling]) -> None:
        stop = asyncio.Event()
        running = {asyncio.create_task(one.run(stop)) for one in told}
        parts.push_async_callback(self._stop_telling, stop, running)

    async def _stop_telling(self, stop: asyncio.Event, running: set[asyncio.Task[None]]) -> None:
        """What was under way is told again at the next start, if it is not told in time."""
        stop.set()
        if running:
            await asyncio.wait(running, timeout=self._settings.stop_timeout_s)

    async def _watch_control(self, control: Control, running: asyncio.Task[None]) -> None:
        while not running.done():
            if problem := control.health.problem:
                self.readiness.waits("control", problem)
            else:
                self.readiness.ready("control")
            await asyncio.wait({running}, timeout=HEALTH_S)
        error = running.exception()
        self._fail(f"control: {error}" if isinstance(error, SidecarError) else f"control ended: {error!r}")

    async def _watch_kafka(self, settings: Settings) -> None:
        """Kafka being away is said, and nothing else: its clients come back by themselves."""
        said, failures = "", 0
        while True:
            try:
                await faust_connection.reach(settings)
            except BrokerError as error:
                self.readiness.waits("kafka", str(error))
                if str(error) != said:
                    logger.warning("waiting for Kafka", reason=str(error))
                said, failures = str(error), failures + 1
                await asyncio.sleep(REACH_AGAIN_S[min(failures, len(REACH_AGAIN_S)) - 1])
            else:
                self.readiness.ready("kafka")
                said, failures = "", 0
                self._reached.set()
                await asyncio.sleep(LOOK_AGAIN_S)

    def _fail(self, reason: str) -> None:
        if not self._failed.done():
            self._failed.set_result(reason)

    def _watch(self, watch: Coroutine[Any, Any, None]) -> None:
        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (error := task.exception()):
                self._fail(f"{watch.__qualname__} ended: {error!r}")

        task = asyncio.create_task(watch)
        task.add_done_callback(ended)
        self._watches.add(task)

    def _unwatch(self) -> None:
        for watch in self._watches:
            watch.cancel()


def control_settings(settings: Settings) -> ControlSettings:
    return ControlSettings(
        store_path=settings.store_path,
        kafka=connections.confluent_config(settings),
        topic_prefix=settings.topic_prefix,
        group_prefix=settings.group_prefix,
        analysis=AnalysisRules(
            min_runs=settings.analysis_min_runs,
            min_interval=timedelta(seconds=settings.analysis_min_interval_s),
            budget_s=settings.analysis_budget_s,
        ),
        policy=settings.policy,
        operation_key=settings.operation_key,
        backups=backup_rules(settings),
    )


def backup_key(settings: Settings) -> KeySource:
    return KeySource(settings.backup_key.get_secret_value(), settings.backup_key_file, settings.backup_key_command)


def backup_rules(settings: Settings) -> BackupRules | None:
    if settings.backup_folder is None:
        return None
    interval = timedelta(seconds=settings.backup_interval_s)
    return BackupRules(settings.backup_folder, backup_key(settings), interval, settings.backup_keep)


def callers_of(settings: Settings) -> Callers:
    """Raises SettingsError; also where others could come, and none of them has a key."""
    callers = Callers(settings.data_folder, settings.api_issuer, settings.api_jwks)
    if callers.only_local and not urls.is_loopback(settings.http_host):
        raise SettingsError(
            f"http_host {settings.http_host} is reached from other machines, and nobody there has a key for the API: "
            "make one with `sidecar keys api NAME`, set api_issuer, or listen on 127.0.0.1"
        )
    return callers


async def _first(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
