"""Carries out the orders that are for this process, on one of its databases.

Every order is answered, one that is refused with the reason; what nobody has signed, or was signed for another
database, becomes a dead letter. An order is begun once: its number has to grow, and its epoch may not fall. What was
begun and not seen to end, since the process died, is looked at before anything else is begun.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

import duckdb
from confluent_kafka import KafkaException, Message, TopicPartition

from ..errors import CloneError, OperationError, RecordError
from ..ids import following_id
from ..operate.ledger import Entry, Ledger
from ..operate.run import Executor, Result, told
from ..orders import Order, verify
from ..plan import plan_hash
from ..records import Operation, Outcome
from ..tokens import Key
from ..topics import OPERATIONS, OUTCOMES, key_of
from . import lent, writers
from .alive import Alive
from .attached import Attached
from .delivering import deliver, set_aside
from .kafka import consumer_of
from .live import LiveDatabase
from .pinned import Pinned

REACH = timedelta(days=1)
"""How far back a process that starts reads: no order is open for longer."""
AGAIN_S = 30.0
RECOVERIES = 10
"""Attempts to take back what was cut off, before a person has to look."""
ASK_S = 10.0
DRAIN_S = 5.0
"""For the writers that have begun."""
SETTLE_S = 1.0
"""In which a connection that is just being opened or closed is counted right."""

logger = logging.getLogger("duckdb_sidecar")


@dataclass(slots=True)
class Held:
    """Writers that an operation has held back."""

    waiting: int = 0
    waited_s: float = 0.0


class Operating:
    def __init__(
        self, attached: Attached, database: str, place: str, keys: dict[str, Key], changed: Callable[[], None]
    ) -> None:
        """`changed` is called when something was begun.

        Raises OSError, ValueError where the ledger cannot be read, or another process has it (BlockingIOError);
        SettingsError, KafkaException.
        """
        self._attached = attached
        self._database = database
        self._place = place
        self._keys = keys
        self._key = key_of(attached.product, database)
        self._changed = changed
        self._held = Held()
        # of the database at this place, which another process of the product may have under the same name elsewhere
        file = attached.folder / "operations" / f"{database}-{blake2b(place.encode(), digest_size=8).hexdigest()}.json"
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._alone = Alive(file.with_suffix(".lock"))
        self._ledger = Ledger(file)
        settings = attached.settings
        self._pinned = Pinned(settings.approval_keys) if settings.approval_keys else None
        self._executor = Executor(
            LiveDatabase(place), self._gate, attached.salt, settings.operate_free_bytes, self._ledger
        )
        self._recover_s = float("-inf")
        self._recoveries = 0
        self._consumer = consumer_of(settings, f"measure.operate.{attached.product}.{database}")
        self._assigned = False

    def work(self, timeout_s: float) -> None:
        """Carries out the next order, if there is one within `timeout_s`."""
        if not self._settled():
            self._attached.stop.wait(timeout_s)
            return
        if not self._assigned and not self._assign():
            self._attached.stop.wait(timeout_s)
            return
        message = self._consumer.poll(timeout_s)
        if message is not None and message.error() is None and message.key() == self._key:
            self._take(message)

    def close(self) -> None:
        self._consumer.close()
        self._alone.release()

    def _assign(self) -> bool:
        """Without a group, since every process has to see what is for it. Whether Kafka let us."""
        try:
            self._consumer.assign(self._places())
        except KafkaException as error:
            logger.info("orders are not to be had yet, and are asked for again: %s", error)
        else:
            self._assigned = True
        return self._assigned

    def _places(self) -> list[TopicPartition]:
        """From where to read. Raises KafkaException."""
        name = self._attached.settings.topic_prefix + OPERATIONS.name
        since_ms = int((datetime.now(UTC) - REACH).timestamp() * 1000)
        found = self._consumer.list_topics(name, ASK_S).topics[name]
        wanted = [TopicPartition(name, partition, since_ms) for partition in found.partitions]
        if not wanted:
            raise KafkaException(found.error)
        return self._consumer.offsets_for_times(wanted, ASK_S)

    def _settled(self) -> bool:
        """Whether it is known what became of all that was begun, and Kafka knows it too."""
        for entry in self._ledger.entries:
            if entry.outcome is None and not self._recovered(entry):
                return False
        for entry in self._ledger.entries:
            if entry.outcome is not None and not entry.told:
                self._tell(entry.outcome)
        return True

    def _recovered(self, entry: Entry) -> bool:
        if time.monotonic() - self._recover_s < AGAIN_S:
            return False
        self._recover_s = time.monotonic()
        try:
            result = self._executor.recover(entry)
        except CloneError:
            return False  # the product does not have it open
        except (OperationError, duckdb.Error) as error:
            self._recoveries += 1
            if self._recoveries < RECOVERIES:
                logger.warning("what became of operation %s is looked at again: %s", entry.order.operation_id, error)
                return False
            result = Result("stuck", f"it was cut off, and could not be taken back {RECOVERIES} times: {told(error)}")
        self._recoveries = 0
        self._ledger.end(entry.order, self._outcome(entry.order, result, datetime.now(UTC), 0.0))
        self._changed()
        self._recover_s = float("-inf")
        return True

    def _take(self, message: Message) -> None:
        try:
            operation = self._attached.codec.decode_as(Operation, message.value())
            if operation.instance != self._attached.instance:
                return  # another process answers it
            order = verify(operation, self._keys)
            self._expect_ours(order)
        except (RecordError, OperationError) as error:
            logger.warning("an operation is refused: %s", error)
            set_aside(self._attached, self._database, "operate", message, error)
            return
        if (known := self._ledger.find(order.operation_id)) is not None:
            if known.outcome is not None:
                self._tell(known.outcome)
            return
        began, begun_s = datetime.now(UTC), time.monotonic()
        self._held = Held()
        result = self._carried_out(order, began)
        outcome = self._outcome(order, result, began, time.monotonic() - begun_s)
        self._ledger.end(order, outcome)
        self._changed()
        logger.info("operation %s is %s: %s", order.operation_id, result.state, result.reason)
        self._tell(outcome)

    def _expect_ours(self, order: Order) -> None:
        """The key of a record is signed by nobody. An answer would count as that of the database that it was made for.

        Raises OperationError.
        """
        if (order.product, order.database) != (self._attached.product, self._database):
            raise OperationError(
                f"it was made for {order.database!r} of {order.product!r}, and came under the key of "
                f"{self._database!r} of {self._attached.product!r}: who sent it again?"
            )

    def _carried_out(self, order: Order, now: datetime) -> Result:
        if problem := self._objection(order, now):
            return Result("refused", problem)
        try:
            self._ledger.take(order)
            most_s = min(order.most_s, self._attached.settings.operate_hold_s)
            return self._executor.carry_out(order.model_copy(update={"most_s": most_s}))
        except CloneError as error:
            return Result("refused", str(error))
        except OSError as error:
            return Result("refused", f"the product's folder cannot be written: {error.strerror}")

    def _objection(self, order: Order, now: datetime) -> str | None:
        if order.epoch < self._ledger.epoch:
            return f"it is of control epoch {order.epoch}, and orders of epoch {self._ledger.epoch} have come"
        if order.number <= self._ledger.number:
            return f"it is order {order.number}, and order {self._ledger.number} was taken before: out of order"
        if order.deadline <= now:
            return (
                f"it was to be begun until {order.deadline:%Y-%m-%d %H:%M:%S} UTC, and here it is "
                f"{now:%Y-%m-%d %H:%M:%S}: was the product away, or is this machine's clock wrong?"
            )
        if order.issued > now + timedelta(minutes=5):
            return (
                f"it was made at {order.issued:%Y-%m-%d %H:%M:%S} UTC, which lies ahead: is this machine's clock right?"
            )
        if plan_hash(order.steps) != order.plan_hash or not 0 <= order.first < order.last <= len(order.steps):
            return "its steps are not those of the plan that was approved"
        return self._pinned.objection(order, now) if self._pinned else None

    @contextmanager
    def _gate(self, most_s: float) -> Iterator[None]:
        with writers.shut(self._place, DRAIN_S, most_s) as held:
            try:
                self._expect_no_strangers()
                yield
            finally:
                self._held.waiting += held.waiting
                self._held.waited_s = max(self._held.waited_s, held.waited_s)

    def _expect_no_strangers(self) -> None:
        """Beside a writer that is not held back DuckDB 2.0 does not survive that an index is made or dropped."""
        deadline = time.monotonic() + SETTLE_S
        while (strangers := self._strangers()) > 0:
            if time.monotonic() > deadline:
                raise OperationError(
                    f"{strangers} connections to the database are not known to the client, and could write meanwhile: "
                    "opened before instrument(), by ADBC or by another library? Close them, or use them once"
                )
            time.sleep(writers.POLL_S)

    def _strangers(self) -> int:
        with LiveDatabase(self._place).connection() as connection:
            [(count,)] = connection.execute("FROM duckdb_connection_count()").fetchall()
            return int(count) - writers.open_connections(self._place) - lent.count(self._place)

    def _outcome(self, order: Order, result: Result, began: datetime, seconds: float) -> Outcome:
        return Outcome(
            product=self._attached.product,
            database=self._database,
            instance=self._attached.instance,
            event_id=following_id(order.operation_id, "outcome/1"),
            time=datetime.now(UTC),
            operation_id=order.operation_id,
            kind=order.kind,
            suggestion_id=order.suggestion_id,
            revision=order.revision,
            plan_hash=order.plan_hash,
            first=order.first,
            last=order.last,
            state=result.state,
            reason=result.reason,
            began=began,
            seconds=seconds,
            waiting=self._held.waiting,
            waited_ms=self._held.waited_s * 1000,
            way_back="operation" if all(step.reversible for step in order.meant) else "",
        )

    def _tell(self, outcome: Outcome) -> None:
        if deliver(self._attached, OUTCOMES, self._key, self._attached.codec.encode(outcome)):
            self._ledger.told(outcome.operation_id)
