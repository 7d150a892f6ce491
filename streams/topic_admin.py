"""The topics in a Kafka: shown, created, exported with the rights that each role needs, and checked at start.

Faust and its consumer wait in silence for a topic or a right that is missing, so they are asked for before.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # the package does not list what it exports
    AclOperation,
    AdminClient,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from schemas.errors import BrokerError, TopicError
from schemas.topics import TOPICS, Topic
from streams.topic_settings import TopicSettings

TIMEOUT_S = 15
SEE_AGAIN_S = 0.05
BROKERS_DEFAULT = -1
NOT_LED_YET = (
    KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART
)  # fmt: skip
MOCK_CLUSTER = "mockCluster"
"""How the cluster id of librdkafka's mock broker begins, which has no admin requests and no topic ids."""
MOCK_TOPIC_ID = "mock"
ROLES = ("streams", "control", "notify", "product", "services", "people")
"""The third is a part of control that needs rights of its own; the last three do not run in `sidecar run`."""
NEEDS_GROUP = {
    "streams": "streams",
    "control": "control",
    "notify": "notify.",
    "product": "measure.",
    "services": "services.",
    "people": "people",
}
"""The group that a role reads in, after the group prefix; one that ends in a dot is what several begin with."""


@dataclass(frozen=True, slots=True)
class Found:
    """A topic of ours as the Kafka has it; `problem` has a line for all that is wrong.

    `partitions` is 0 where it cannot be seen: because it is `missing`, or for lack of a right. `kept` is for people.
    """

    topic: Topic
    name: str
    partitions: int
    topic_id: str
    problem: str
    kept: str = ""
    missing: bool = False


class TopicAdmin:
    """`config` is that of any client of confluent-kafka. Every method raises BrokerError when Kafka does not answer."""

    def __init__(self, config: Mapping[str, Any], topic_prefix: str, group_prefix: str) -> None:
        self._admin = AdminClient({**config, "log_level": 0, "reconnect.backoff.max.ms": 1000})
        self._prefix = topic_prefix
        self._group_prefix = group_prefix

    def show(self) -> list[Found]:
        settings = self._settings(TOPICS)
        return [self._found(topic, described, settings) for topic, described in self._described(TOPICS)]

    def create(self) -> list[str]:
        """Creates the topics that are missing and returns their names, once they can be read and written.

        A broker knows later than its controller what was created or deleted: so each look, not the first alone,
        decides what to create, and a topic that the controller has already is waited for. Last it learns that it
        leads the new partitions; until then it refuses them.
        """
        created: dict[str, None] = {}
        deadline = time.monotonic() + TIMEOUT_S
        while late := [found for found in self._looked_for() if not found.partitions]:
            if time.monotonic() > deadline:
                raise TopicError("\n".join(f"not to be seen after {TIMEOUT_S} s: {found.problem}" for found in late))
            created |= dict.fromkeys(self._create(found for found in late if found.missing))
            time.sleep(SEE_AGAIN_S)
        while created and not self._led(created):
            if time.monotonic() > deadline:
                raise TopicError(f"the new topics cannot be read after {TIMEOUT_S} s: see what Kafka logs")
            time.sleep(SEE_AGAIN_S)
        return list(created)

    def _looked_for(self) -> list[Found]:
        """As `show`, without the topics' settings."""
        return [self._found(topic, described, {}) for topic, described in self._described(TOPICS)]

    def _led(self, names: Iterable[str]) -> bool:
        """Whether every partition answers for its end."""
        partitions = {self._prefix + topic.name: topic.partitions for topic in TOPICS}
        places = [TopicPartition(name, number) for name in names for number in range(partitions[name])]
        ends: dict[TopicPartition, Any] = dict.fromkeys(places, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        asked = self._admin.list_offsets(ends, request_timeout=TIMEOUT_S)
        answers = [_answer(future) for future in asked.values()]
        return not any(isinstance(one, KafkaError) and one.code() in NOT_LED_YET for one in answers)

    def check(self, roles: Iterable[str]) -> None:
        """Raises TopicError with a line for each topic that is missing or wrong, and each right that the roles lack.

        Of a topic that keeps records longer, or takes larger ones, nothing is said.
        """
        roles = list(roles)
        problems = []
        used = [topic for topic in TOPICS if any(_operations(topic, role) for role in roles)]
        settings = self._settings(used)
        for topic, described in self._described(used):
            needed = {operation for role in roles for operation in _operations(topic, role)}
            lacking = needed - _allowed(described)
            found = self._found(topic, described, settings)
            if found.problem and not (_is_refusal(described) and lacking):
                problems.append(found.problem)
            problems += [f"no right to {one} topic {found.name}: grant it" for one in sorted(o.name for o in lacking)]
        if not self._is_mock:
            problems += [problem for role in roles if role != "product" for problem in self._group(role)]
        if problems:
            raise TopicError("\n".join([*problems, "(`sidecar topics` shows, creates and exports what is needed)"]))

    def export(self) -> dict[str, Any]:
        """All topics, and the ACLs that each role needs, as JSON values."""
        return {
            "topics": [
                {
                    "name": self._prefix + topic.name,
                    "partitions": topic.partitions,
                    "config": topic.config(),
                    "purpose": topic.purpose,
                    "key": topic.key,
                    "records": [record.__name__ for record in topic.carries],
                }
                for topic in TOPICS
            ],
            "acls": {role: list(self._acls(role)) for role in ROLES},
        }

    def topic_ids(self, names: Iterable[str]) -> dict[str, str]:
        """The ids of topics by their whole names. Raises TopicError for one that is missing."""
        names = list(names)
        if self._is_mock:
            return dict.fromkeys(names, MOCK_TOPIC_ID)
        ids = {}
        for name, future in self._admin.describe_topics(TopicCollection(names), request_timeout=TIMEOUT_S).items():
            described = _answer(future)
            if isinstance(described, KafkaError):
                raise TopicError(f"topic {name}: {described.str()}")
            ids[name] = str(described.topic_id)
        return ids

    def ask_topic_ids(self, names: Iterable[str]) -> Callable[[], dict[str, str] | None]:
        """As `topic_ids`, without waiting: what is returned says None until the answer is there.

        What Kafka did not tell is left out. Not for the mock broker.
        """
        asked = self._admin.describe_topics(TopicCollection(list(names)), request_timeout=TIMEOUT_S)

        def answer() -> dict[str, str] | None:
            if not all(future.done() for future in asked.values()):
                return None
            return {name: str(future.result().topic_id) for name, future in asked.items() if not future.exception()}

        return answer

    def cluster_id(self) -> str:
        try:
            return str(self._admin.list_topics(timeout=TIMEOUT_S).cluster_id)
        except KafkaException as error:
            raise BrokerError(f"Kafka does not answer: {error.args[0].str()}") from error

    @cached_property
    def _is_mock(self) -> bool:
        return self.cluster_id().startswith(MOCK_CLUSTER)

    def _described(self, topics: Iterable[Topic]) -> list[tuple[Topic, Any]]:
        """With a TopicDescription, or the KafkaError that says why there is none."""
        by_name = {self._prefix + topic.name: topic for topic in topics}
        if self._is_mock:
            known = self._admin.list_topics(timeout=TIMEOUT_S).topics
            missing = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)
            return [(topic, known.get(name, missing)) for name, topic in by_name.items()]
        described = self._admin.describe_topics(
            TopicCollection(list(by_name)), include_authorized_operations=True, request_timeout=TIMEOUT_S
        )
        return [(by_name[name], _answer(future)) for name, future in described.items()]

    def _create(self, missing: Iterable[Found]) -> list[str]:
        """The names of those that are new to Kafka."""
        new = [
            NewTopic(found.name, found.topic.partitions, BROKERS_DEFAULT, config=found.topic.config())
            for found in missing
        ]
        names = []
        for name, future in (self._admin.create_topics(new, request_timeout=TIMEOUT_S) if new else {}).items():
            error = _answer(future)
            if not isinstance(error, KafkaError):
                names.append(name)
            elif error.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise TopicError(f"topic {name} cannot be created: {error.str()}")
        return names

    def _found(self, topic: Topic, described: Any, settings: Mapping[str, TopicSettings]) -> Found:
        name = self._prefix + topic.name
        if isinstance(described, KafkaError):
            missing = described.code() == KafkaError.UNKNOWN_TOPIC_OR_PART
            if missing:
                problem = f"topic {name} is missing: create it with {topic.partitions} partitions"
            elif _is_refusal(described):
                problem = f"no right to DESCRIBE topic {name}: grant it"
            else:
                raise BrokerError(f"topic {name} cannot be described: {described.str()}")
            return Found(topic, name, 0, "", problem, missing=missing)
        partitions = len(described.partitions)
        problems, kept = [], "not to be seen"
        if partitions != topic.partitions:
            problems.append(f"has {partitions} partitions, not {topic.partitions}: create it anew")
        if seen := settings.get(name):
            problems += seen.problems(topic)
            kept = seen.kept
        problem = "\n".join(f"topic {name} {one}" for one in problems)
        return Found(topic, name, partitions, str(getattr(described, "topic_id", MOCK_TOPIC_ID)), problem, kept)

    def _settings(self, topics: Iterable[Topic]) -> dict[str, TopicSettings]:
        """By the topics' whole names, of those whose settings we may see; the mock broker has none."""
        if self._is_mock:
            return {}
        resources = [ConfigResource(ResourceType.TOPIC, self._prefix + topic.name) for topic in topics]
        described = self._admin.describe_configs(resources, request_timeout=TIMEOUT_S)
        answers = {resource.name: _answer(future) for resource, future in described.items()}
        return {
            name: TopicSettings.of({one.name: one.value for one in answer.values()})
            for name, answer in answers.items()
            if not isinstance(answer, KafkaError)
        }

    def _group(self, role: str) -> Iterable[str]:
        group = self._group_prefix + NEEDS_GROUP[role]
        described = self._admin.describe_consumer_groups(
            [group], include_authorized_operations=True, request_timeout=TIMEOUT_S
        )
        answer = _answer(described[group])
        if isinstance(answer, KafkaError):
            if answer.code() != KafkaError.GROUP_AUTHORIZATION_FAILED:
                raise BrokerError(f"group {group} cannot be described: {answer.name()} {answer.str()}")
            yield f"no right to READ in group {group}: grant it"
        elif answer.authorized_operations is not None and AclOperation.READ not in answer.authorized_operations:
            yield f"no right to READ in group {group}: grant it"

    def _acls(self, role: str) -> Iterable[dict[str, str]]:
        for topic in TOPICS:
            for operation in _operations(topic, role):
                yield _acl("TOPIC", self._prefix + topic.name, "LITERAL", operation)
        if role in NEEDS_GROUP:
            pattern = "PREFIXED" if NEEDS_GROUP[role].endswith(".") else "LITERAL"
            yield _acl("GROUP", self._group_prefix + NEEDS_GROUP[role], pattern, AclOperation.READ)


def _operations(topic: Topic, role: str) -> list[AclOperation]:
    """READ and WRITE bring DESCRIBE with them."""
    reads = [AclOperation.READ] if role in topic.readers else []
    return reads + ([AclOperation.WRITE] if role in topic.writers else [])


def _is_refusal(described: Any) -> bool:
    return isinstance(described, KafkaError) and described.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def _allowed(described: Any) -> set[AclOperation]:
    """All where Kafka does not say."""
    if _is_refusal(described):
        return set()
    allowed = getattr(described, "authorized_operations", None)
    return set(AclOperation) if allowed is None else set(allowed)


def _acl(resource: str, name: str, pattern: str, operation: AclOperation) -> dict[str, str]:
    return {
        "resource_type": resource,
        "resource_name": name,
        "pattern_type": pattern,
        "operation": operation.name,
        "permission_type": "ALLOW",
    }


def _answer(future: "Future[Any]") -> Any:
    """What Kafka answered, an error that concerns the one resource included. Raises BrokerError for no answer."""
    try:
        return future.result(3 * TIMEOUT_S)
    except KafkaException as error:
        if (reason := error.args[0]).code() < 0:  # the client's own: timed out, no broker, no login
            raise BrokerError(f"Kafka does not answer: {reason.str()}") from error
        return reason
