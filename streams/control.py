"""The control process: the one that owns the knowledge file, journals what it decides, and sends it out.

One thread turns: records are taken from the inputs, and in one transaction they are applied, decisions are taken,
and the offsets noted. A decision is in the journal, and read back from it, before that transaction commits; so the
journal is never behind the file, and what the file lacks of it after a crash is taken from it, not decided again.
A start is therefore always the same: follow the journal to its end, open a new epoch, and go on live. For an empty
file that is a rebuild.
"""

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import structlog
from confluent_kafka import KafkaException, Message
from duckdb import DuckDBPyConnection

from schemas.codec import Codec
from schemas.errors import BrokerError, Fenced, StoreError, TopicError
from schemas.records import Decision, JournalEntry
from store import chain, heads, inputs, journal, outbox, projection
from store.chain import CHECKPOINT, DECISION, EPOCH, UNKNOWN_EPOCH, derived
from store.knowledge import KnowledgeFile
from store.projection import Applied
from streams import metrics
from streams.access import automatic
from streams.access.gate import unseen_days
from streams.access.gatekeeper import Gatekeeper
from streams.access.judging import Judging
from streams.access.ordering import NO_KEY, Ordering, order_key
from streams.backing_up import BackingUp
from streams.backups import BackupRules
from streams.catching_up import ROLE, Follower
from streams.deciding import Deciding
from streams.journal import LAST_WORD_S, Link, clock_ahead, fenced
from streams.outbox import Outbox
from streams.scheduling import AnalysisRules, Keeping, Scheduler
from streams.topic_admin import NEEDS_GROUP
from streams.verifying import Verifying

TICK_S = 1.0
"""Between two looks at what is due, where nothing comes."""
LOOK_S = 10.0
"""Between two looks at whether anybody asked for what is out of sight."""
CHECKPOINT_S = 60.0
"""Between two entries of the journal at the most, while there are inputs."""
RETRY_S = (0.5, 1, 2, 5, 10, 20, 30, 30, 30, 30, 30, 30, 30, 30)
"""The waits while the file cannot be written: five minutes in all, then the process gives up."""
KAFKA_AGAIN_S = 0.5
CLOCKS_DIFFER = timedelta(minutes=1)
"""This machine's and Kafka's: by more nothing is carried out, since windows and freezes are by the clock."""

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """`kafka` is what any client of confluent-kafka needs to connect. Without a `policy` every approval is refused, and
    without an `operation_key` nothing is carried out, nor is the journal signed.
    """

    store_path: Path
    kafka: Mapping[str, Any]
    topic_prefix: str = ""
    group_prefix: str = "duckdb-sidecar."
    analysis: AnalysisRules = field(default_factory=AnalysisRules)
    keeping: Keeping = field(default_factory=Keeping)
    policy: Path | None = None
    operation_key: Path | None = None
    backups: BackupRules | None = None
    checkpoint_s: float = CHECKPOINT_S


@dataclass(slots=True)
class Health:
    """`lag` is how many records of the inputs are not applied yet; `problem` is empty while it is live."""

    problem: str = "it has not started"
    last_commit: datetime | None = None
    lag: int = 0
    epoch: int = UNKNOWN_EPOCH


class Control:
    """`health` is for any thread to look at."""

    def __init__(
        self, settings: ControlSettings, codec: Codec, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Opens nothing."""
        self._settings = settings
        self._codec = codec
        self._clock = clock
        self._instance = f"{socket.gethostname()}:{os.getpid()}"
        self._file: KnowledgeFile | None = None
        self.health = Health()

    def run(self, stop: threading.Event) -> None:
        """Until stopped.

        Raises SettingsError: the policy or a key does not load. StoreError: another process has the file, it does not
        belong to this Kafka, or could not be written for five minutes. Fenced: another control process has taken over.
        TopicError: a topic is missing. A Kafka that is away is waited for.
        """
        settings = self._settings
        file = self._file = KnowledgeFile(settings.store_path)
        follower = Follower(file, settings.kafka, settings.topic_prefix, settings.group_prefix, self._codec)
        sender = Outbox(settings.kafka, settings.topic_prefix, settings.group_prefix + NEEDS_GROUP[ROLE])
        backing_up: BackingUp | None = None
        try:
            backing_up = BackingUp(file, settings.backups)
            Turning(settings, follower, sender, backing_up, self._clock, self._instance, self.health).run(stop)
        finally:
            self.health.problem = "it has ended"
            self._file = None
            if backing_up:
                backing_up.close()
            sender.close()
            follower.close()
            file.close()

    @contextmanager
    def reading(self) -> Iterator[DuckDBPyConnection]:
        """A consistent state of the tables, for the functions of `store` that read. Raises StoreError."""
        if self._file is None:
            raise StoreError("the control process has not opened its knowledge file yet: wait for it")
        with self._file.reading() as tx:
            yield tx


class Turning:
    """The one thread at work."""

    def __init__(
        self,
        settings: ControlSettings,
        follower: Follower,
        sender: Outbox,
        backing_up: BackingUp,
        clock: Callable[[], datetime],
        instance: str,
        health: Health,
    ) -> None:
        self._settings = settings
        self._follower = follower
        self._file = follower.file
        self._journal = follower.journal
        self._sender = sender
        self._backing_up = backing_up
        self._clock = clock
        self._instance = instance
        self._health = health
        self._gatekeeper = Gatekeeper(settings.policy) if settings.policy else None
        self._order_key = order_key(settings.operation_key) if settings.operation_key else None
        self._epoch: int | None = None
        self._failures = 0
        self._next_tick = 0.0
        self._next_look = 0.0
        self._next_checkpoint = 0.0
        self._ahead = timedelta(0)

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self._start(stop)
                while not stop.is_set():
                    self._turn(stop)
                self._end(stop)
            except (StoreError, TopicError):
                raise
            except (BrokerError, KafkaException) as error:
                if not stop.is_set():
                    self._wait(stop, "Kafka", error, KAFKA_AGAIN_S)
            except duckdb.OperationalError as error:
                if self._failures == len(RETRY_S):
                    raise StoreError(
                        f"the knowledge file could not be written for {sum(RETRY_S):.0f} s: {error}. Is its disk full? "
                        "Nothing that Kafka holds is lost; start again when there is room"
                    ) from error
                self._wait(stop, "the knowledge file", error, RETRY_S[self._failures])
                self._failures += 1

    def _wait(self, stop: threading.Event, what: str, error: Exception, wait_s: float) -> None:
        self._health.problem = f"{what}: {error}"
        logger.warning("trying again", what=what, reason=str(error), wait_s=wait_s)
        metrics.RETRIES.labels(ROLE).inc()
        stop.wait(wait_s)

    def _start(self, stop: threading.Event) -> None:
        self._follower.catch_up(stop)
        while self._epoch is None or self._epoch != self._journal.head.epoch:
            try:
                with self._file.transaction() as tx:
                    self._epoch = self._enter(tx, EPOCH, [], stop).after.epoch
            except Fenced:  # another one started at the same moment, and was first
                self._follower.catch_up(stop)
        with self._file.reading() as tx:
            owed, positions = outbox.pending(tx), inputs.positions(tx)
        self._sender.begin(owed)
        self._sender.send(owed)
        self._follower.inputs.begin(positions)
        self._next_checkpoint = time.monotonic() + self._settings.checkpoint_s
        self._health.epoch = self._epoch
        metrics.CONTROL_EPOCH.set(self._epoch)
        logger.info("control is live", epoch=self._epoch, sequence=self._journal.head.sequence)

    def _turn(self, stop: threading.Event) -> None:
        taken = self._follower.inputs.take()
        begun = time.perf_counter()
        epoch = self._journal.head.epoch
        for link in self._journal.follow():
            raise fenced(link.entry, epoch)
        self._sender.poll()
        confirmed = set(self._sender.confirmed)
        tick = time.monotonic() >= self._next_tick
        if tick and self._follower.any_made_anew():
            self._follower.catch_up(stop)  # says which, and what to do
        if not (taken or confirmed or tick):
            return
        with self._file.transaction() as tx:
            outbox.remove(tx, confirmed)
            applied = self._follower.apply(tx, taken, self._journal.head.sequence + 1, self._sender.ends)
            decisions = self._decide(tx, tick)
            if decisions:
                self._enter(tx, DECISION, decisions, stop)
            elif tick and time.monotonic() >= self._next_checkpoint and _has_news(tx):
                self._enter(tx, CHECKPOINT, [], stop)
        self._sender.forget(confirmed)
        if taken:
            self._count(taken, applied, begun)
        if decisions or applied.refused or tick:
            self._look(tick)

    def _decide(self, tx: DuckDBPyConnection, tick: bool) -> list[Decision]:
        codec, now = self._follower.codec, self._clock()
        deciding = Deciding(self._journal.head)
        rules = self._gatekeeper.look() if self._gatekeeper else None
        Judging(tx, codec, rules, deciding, now, "" if self._order_key else NO_KEY).rule()
        ordering = Ordering(tx, codec, rules, self._order_key, deciding, now)
        policy = rules.policy if rules else None
        scheduler = Scheduler(tx, codec, self._settings.analysis, deciding, now, ordering, policy)
        scheduler.answer()
        if tick:
            absence = time.monotonic() >= self._next_look
            Verifying(tx, codec, deciding, now, ordering, timedelta(days=unseen_days(policy))).judge(absence=absence)
            if absence:
                self._next_look = time.monotonic() + LOOK_S
            if abs(self._ahead) <= CLOCKS_DIFFER:
                automatic.rule(tx, codec, rules, deciding, now)
                ordering.tell()
            scheduler.expire()
            scheduler.schedule()
            scheduler.keep(self._settings.keeping)
            self._backing_up.turn(tx, deciding, scheduler, now)
        return deciding.decisions

    def _enter(self, tx: DuckDBPyConnection, kind: str, decisions: list[Decision], stop: threading.Event) -> Link:
        """Applies what is decided, and journals it and the inputs before: what cannot be applied is not journaled."""
        head = self._journal.head
        entry = JournalEntry(
            product="",
            database="",
            instance=self._instance,
            event_id=derived(head, "entry"),
            time=self._clock(),
            sequence=head.sequence + 1,
            previous_hash=head.hash,
            hash="",
            epoch=UNKNOWN_EPOCH if kind == EPOCH else head.epoch,
            kind=kind,
            accepted=inputs.accepted(tx),
            settled=inputs.settled(tx),
            sent=outbox.sent(tx, head.sequence + 1, owes=any(decision.messages for decision in decisions)),
            decisions=decisions,
        )
        projection.enter(tx, entry, self._sender.ends)
        entry = chain.sealed(entry)
        if key := self._order_key:
            entry = heads.signed(entry, key.private, key.kid)
        begun = self._clock()
        link = self._journal.append(entry, stop)
        self._compare_clocks(clock_ahead(begun, link.at, self._clock()))
        journal.add(tx, link.entry, link.after, self._follower.journal_id)
        self._next_checkpoint = time.monotonic() + self._settings.checkpoint_s
        for decision in decisions:
            metrics.DECISIONS.labels(decision.kind).inc()
            _tell(decision)
        return link

    def _compare_clocks(self, ahead: timedelta) -> None:
        differ = abs(ahead) > CLOCKS_DIFFER
        if differ != (abs(self._ahead) > CLOCKS_DIFFER):
            log = logger.error if differ else logger.info
            log(
                "this machine's clock is not Kafka's: nothing is carried out until it is"
                if differ
                else "this machine's clock is Kafka's again",
                ahead_s=ahead.total_seconds(),
            )
        self._ahead = ahead
        metrics.CLOCK_AHEAD_SECONDS.set(ahead.total_seconds())

    def _count(self, taken: list[Message], applied: Applied, begun: float) -> None:
        self._failures = 0
        self._health.problem = ""
        self._health.last_commit = self._clock()
        metrics.STORE_COMMIT_SECONDS.observe(time.perf_counter() - begun)
        metrics.STORE_PATTERNS.inc(applied.patterns)
        metrics.RECORDS.labels(ROLE, "done").inc(len(taken) - len(applied.refused))
        metrics.RECORDS.labels(ROLE, "refused").inc(len(applied.refused))
        for record, error in applied.refused:
            logger.warning("a record became a dead letter", place=record[:3], reason=str(error))

    def _look(self, tick: bool) -> None:
        """Sends what is owed, and looks around."""
        with self._file.reading() as tx:
            owed, positions = outbox.pending(tx), inputs.positions(tx)
        self._sender.send(owed)
        metrics.OUTBOX_MESSAGES.set(len(owed))
        metrics.JOURNAL_SEQUENCE.set(self._journal.head.sequence)
        if tick:
            self._next_tick = time.monotonic() + TICK_S
            self._health.problem = ""
            self._health.lag = self._follower.inputs.lag(positions)
            metrics.STORE_LAG_RECORDS.set(self._health.lag)

    def _end(self, stop: threading.Event) -> None:
        """Waits a moment for what is in flight, and settles what was applied."""
        late = time.monotonic() + LAST_WORD_S
        while not self._sender.idle and time.monotonic() < late:
            self._sender.poll(0.05)
        with self._file.transaction() as tx:
            outbox.remove(tx, self._sender.confirmed)
            if _has_news(tx):
                self._enter(tx, CHECKPOINT, [], stop)


def _has_news(tx: DuckDBPyConnection) -> bool:
    """Whether an entry would say more than the one before."""
    return bool(inputs.accepted(tx)) or outbox.unsettled(tx, journal.head(tx))


def _tell(decision: Decision) -> None:
    """What somebody would look for in the log at night."""
    body = json.loads(decision.body)
    where = {"product": decision.product, "database": decision.database}
    match decision.kind:
        case "expire":
            logger.warning("an analysis was not answered", **where, reason=body["reason"])
        case "operate" if body["refused"]:
            logger.warning("what was approved is not carried out", **where, reason=body["refused"])
        case "operate":
            logger.info("the product is told", **where, order=body["order"], operation_id=body["operation_id"])
        case "judge":
            log = logger.warning if body["verdict"] == "worse" else logger.info
            log("a change was judged", **where, verdict=body["verdict"], reason=body["reason"])
