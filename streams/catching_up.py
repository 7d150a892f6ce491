"""From whatever state a knowledge file is in to the end of the journal: a restart, or from nothing, a rebuild.

The inputs are applied up to where an entry has settled them, then the entry with what it decided; nothing is decided
again and nothing is sent.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast

from confluent_kafka import Message
from duckdb import DuckDBPyConnection

from schemas.codec import Codec
from schemas.errors import StoreError
from schemas.ids import derived_id
from schemas.records import Outgoing
from schemas.topics import DEAD_LETTERS, JOURNAL
from store import inputs, journal, outbox, projection
from store.chain import Head
from store.inputs import Partition
from store.knowledge import KnowledgeFile
from store.projection import Applied
from streams.agents.letters import letter
from streams.agents.steps import Input
from streams.inputs import Inputs
from streams.journal import Journal, Link
from streams.outbox import Outbox
from streams.placing import check_nothing_at
from streams.topic_admin import MOCK_TOPIC_ID, NEEDS_GROUP, TopicAdmin

ROLE = "control"
ENTRIES_AT_ONCE = 1000

Told = Callable[[int, int], None]
"""Hears of each step: the sequence of the journal that it leads to, and the records of the inputs applied by now."""


class Follower:
    """A knowledge file and the Kafka that it follows. Close it after use."""

    def __init__(
        self,
        file: KnowledgeFile,
        kafka: Mapping[str, Any],
        topic_prefix: str,
        group_prefix: str,
        codec: Codec,
        told: Told = lambda *_: None,
    ) -> None:
        group = group_prefix + NEEDS_GROUP[ROLE]
        self.file = file
        self.codec = codec
        self._admin = TopicAdmin(kafka, topic_prefix, group_prefix)
        self._journal_topic = topic_prefix + JOURNAL.name
        self.inputs = Inputs(kafka, topic_prefix, group)
        self.journal = Journal(kafka, topic_prefix, group, codec)
        self.journal_id = ""
        self._told = told
        self._applied = 0
        self._topic_ids: Mapping[str, str] = {}
        self._answer: Callable[[], Mapping[str, str] | None] | None = None

    def catch_up(self, stop: threading.Event) -> None:
        """Ends at the head of the journal, with the inputs settled there applied.

        Raises StoreError where file and Kafka do not belong together, BrokerError and KafkaException when Kafka does
        not answer or `stop` is set before the end.
        """
        self._topic_ids = self._admin.topic_ids([*self.inputs.names, self._journal_topic])
        self._answer = None
        self.journal_id = self._topic_ids[self._journal_topic]
        logs = self.inputs.logs(self._topic_ids)
        with self.file.reading() as tx:
            head, known_id = journal.head(tx), journal.topic_id(tx)
        if known_id not in (None, self.journal_id):
            raise StoreError(
                f"the journal was made anew (its id was {known_id}, now it is {self.journal_id}): restore the topic, "
                "or set the knowledge file aside and start over"
            )
        self.journal.begin(head)
        begun = None if head.sequence else self._begun(stop)
        with self.file.transaction() as tx:
            inputs.check(tx, self._admin.cluster_id(), logs, begun)
        links: list[Link] = []
        for link in self.journal.to_the_end(stop):
            links.append(link)
            # inputs between decisions may come in any order, so that many entries can be done at once
            if link.entry.decisions or len(links) >= ENTRIES_AT_ONCE:
                self._project(links, stop)
                links = []
        if links:
            self._project(links, stop)

    def any_made_anew(self) -> bool:
        """Whether a topic was made anew since `catch_up`: it is then read on from an offset that is not of it.

        Does not wait: Kafka is asked, and its answer looked at the next time.
        """
        if self.journal_id == MOCK_TOPIC_ID:
            return False
        if self._answer is None:
            self._answer = self._admin.ask_topic_ids(self._topic_ids)
        if (found := self._answer()) is None:
            return False
        self._answer = None
        return any(self._topic_ids[name] != topic_id for name, topic_id in found.items())

    def apply(
        self, tx: DuckDBPyConnection, messages: Sequence[Message], sequence: int, ends: outbox.Ends | None = None
    ) -> Applied:
        """Applies records; what cannot be read is owed to the dead letters in the same transaction.

        `sequence` is that of the next entry of the journal, `ends` as for `store.outbox.add`.
        """
        applied = projection.apply(tx, self.codec, self.inputs.arrived(messages))
        if applied.refused:
            by_place = {(*self.inputs.place(message), message.offset()): message for message in messages}
            letters = [self._letter(by_place[record[:3]], error) for record, error in applied.refused]
            outbox.add(tx, sequence, letters, ends)
        return applied

    def close(self) -> None:
        self.inputs.close()
        self.journal.close()

    def _begun(self, stop: threading.Event) -> dict[Partition, int] | None:
        """Where the journal's first entry began to read; None where there is no entry yet."""
        first = next(self.journal.to_the_end(stop), None)
        self.journal.begin(Head())
        if first is None:
            return None
        begun = {(place.topic, place.partition): place.offset for place in first.entry.settled}
        return begun | {(taken.topic, taken.partition): taken.first for taken in first.entry.accepted}

    def _project(self, links: Sequence[Link], stop: threading.Event) -> None:
        last = links[-1]
        for place in last.entry.settled:
            if self._topic_ids[self.inputs.full_name(place.topic)] != place.topic_id:
                raise StoreError(f"{place.topic} was made anew since the journal settled it: restore the topic")
        targets = {(place.topic, place.partition): place.offset for place in last.entry.settled}
        with self.file.reading() as tx:
            positions = inputs.positions(tx)
        for messages in self.inputs.up_to(positions, targets, stop):
            with self.file.transaction() as tx:
                self.apply(tx, messages, last.entry.sequence)
            self._applied += len(messages)
            self._told(last.entry.sequence, self._applied)
        with self.file.transaction() as tx:
            for link in links:
                projection.enter(tx, link.entry)
                journal.add(tx, link.entry, link.after, self.journal_id)
        self._told(last.entry.sequence, self._applied)

    def _letter(self, message: Message, error: Exception) -> Outgoing:
        topic, partition = self.inputs.place(message)
        name = self.inputs.full_name(topic)
        place = (name, self._topic_ids[name], partition, message.offset() or 0)
        headers = tuple(cast(list[tuple[str, bytes | None]], message.headers() or []))
        record = Input(*place, message.timestamp()[1], message.key(), message.value(), headers)
        output = letter(record, ROLE, error, self.codec)
        message_id = derived_id(record.source, f"dead-letter/{ROLE}/1")
        return Outgoing(message_id=message_id, topic=DEAD_LETTERS.name, key=output.key, value=output.value)


def rebuild(
    path: Path,
    kafka: Mapping[str, Any],
    topic_prefix: str,
    group_prefix: str,
    codec: Codec,
    stop: threading.Event,
    told: Told = lambda *_: None,
) -> Head:
    """Makes a new knowledge file from the topics, and returns the entry of the journal at which it stands.

    Nothing is sent: what was decided and is not in its topic stays owed, for the control process that goes on from
    there. Raises StoreError when there is a file already, and as `Follower.catch_up` does.
    """
    check_nothing_at(path)
    with closing(KnowledgeFile(path)) as file:
        with closing(Follower(file, kafka, topic_prefix, group_prefix, codec, told)) as follower:
            follower.catch_up(stop)
        with file.reading() as tx:
            owed = outbox.pending(tx)
        with closing(Outbox(kafka, topic_prefix, group_prefix + NEEDS_GROUP[ROLE])) as sender:
            sender.begin(owed)
            with file.transaction() as tx:
                outbox.remove(tx, sender.confirmed)
        return follower.journal.head
