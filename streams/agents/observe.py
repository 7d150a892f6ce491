"""Query log to patterns: the runs of each shape in each hour, summed up.

Exactly one PatternBatch leaves for each record, so that the store can tell a repeat by its source. Nothing that the
producer claims is believed: shapes are computed anew, figures outside what is possible are brought inside and counted.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from schemas.codec import Codec
from schemas.errors import RecordError
from schemas.fingerprint import Shape
from schemas.ids import derived_id
from schemas.records import NAMESPACE, PatternBatch
from schemas.topics import PATTERNS, key_of
from store.sketch import LARGEST_US, sketch
from streams.agents.fingerprints import Fingerprints
from streams.agents.steps import Input, Outcome, Output

HOUR_US = 3_600_000_000
AHEAD_US = 300_000_000
"""A run may claim to be so much later than Kafka's time of its record: clocks differ."""
BEHIND_US = 7 * 24 * HOUR_US
"""Or so much earlier: a client waits for its Kafka, as long as the query log is kept."""
LARGEST_COUNT = 2**40
"""Of rows, bytes or microseconds in one run; 2^22 runs of it, more than fit in a record, still sum to an Avro long."""
LONGEST_NAME = 200
ROUTES = 32
OTHER_ROUTES = "(other)"
EXEMPLARS = 3
PROFILE_SUMS = ("rows_scanned", "row_groups_scanned", "row_groups_total", "cpu_us")


class Observe:
    name = "observe"

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._fingerprints = Fingerprints()

    def __call__(self, record: Input) -> Outcome:
        name, values = self._codec.decode_values(record.value)
        match name.removeprefix(f"{NAMESPACE}."):
            case "QueryLogBatch":
                statements = [shape["statement"] for shape in values["shapes"]]
                events, dropped, exemplars = values["events"], values["dropped"], []
            case "QueryLogEvent":
                statements, exemplars = [values["statement"]], values["exemplars"][:EXEMPLARS]
                events, dropped = [{**values, "shape": 0, "offset_us": 0, "profile": None}], 0
            case other:
                raise RecordError(f"{other} has no place in the query log: the producer wrote to the wrong topic")
        product, database, catalog = values["product"], values["database"], values["catalog_hash"]
        for field, text in {"product": product, "database": database, "catalog_hash": catalog}.items():
            if len(text) > LONGEST_NAME or (not text and field != "catalog_hash"):
                raise RecordError(f"{field} has {len(text)} characters, not 1 to {LONGEST_NAME}")
        salt = key_of(product, database)
        shapes = [self._fingerprints.of(statement, salt) for statement in statements]
        counts: Counter[str] = Counter(events=len(events))
        counts["dropped"] = _possible(dropped, counts)
        sums = _summed(shapes, events, values["time"], record.timestamp_ms * 1000, counts)
        patterns = [one.pattern(catalog, exemplars) for _, one in sorted(sums.items())]
        output = self._batch(record, product, database, values["instance"], counts["dropped"], patterns)
        return Outcome([output], dict(counts))

    def instead(self, record: Input) -> list[Output]:
        return [self._batch(record, "", "", "", 0, None)]

    def _batch(
        self,
        record: Input,
        product: str,
        database: str,
        instance: str,
        dropped: int,
        patterns: list[dict[str, Any]] | None,
    ) -> Output:
        """Without patterns, that of an unreadable record."""
        source = record.source
        values = {
            "product": product,
            "database": database,
            "instance": instance,
            "event_id": derived_id(source, "observe/1"),
            "time": record.timestamp_ms * 1000,
            "schema_version": 1,
            "source": source.model_dump(),
            "readable": patterns is not None,
            "dropped": dropped,
            "patterns": patterns or [],
        }
        key = key_of(product, database) if patterns is not None else record.key or b""
        return Output(PATTERNS.name, key, self._codec.encode_values(f"{NAMESPACE}.{PatternBatch.__name__}", values))


class _Sums:
    """Over the runs of one shape in one hour."""

    __slots__ = ("count", "errors", "first", "hour", "last", "latencies", "profiled", "routes", "rows", "shape")

    def __init__(self, shape: Shape, hour: int, first: int) -> None:
        self.shape = shape
        self.hour = hour
        self.first = self.last = first
        self.errors = 0
        self.rows = 0
        self.latencies: list[int] = []
        self.routes: Counter[str] = Counter()
        self.profiled: list[Mapping[str, int]] = []

    def pattern(self, catalog_hash: str, exemplars: list[str]) -> dict[str, Any]:
        return {
            "fingerprint": self.shape.id,
            "statement": self.shape.text,
            "kind": self.shape.kind,
            "hour": self.hour,
            "catalog_hash": catalog_hash,
            "count": len(self.latencies),
            "errors": self.errors,
            "rows": self.rows,
            "latency_us": sum(self.latencies),
            "latency": sketch(self.latencies).model_dump(),
            "first_seen": self.first,
            "last_seen": self.last,
            "routes": self.routes if len(self.routes) <= ROUTES else _most_taken(self.routes),
            "sampled": len(self.profiled),
            **{name: sum(profile[name] for profile in self.profiled) for name in PROFILE_SUMS},
            "peak_memory_bytes": max((profile["peak_memory_bytes"] for profile in self.profiled), default=0),
            "exemplars": exemplars,
        }


def _summed(
    shapes: Sequence[Shape],
    events: Iterable[Mapping[str, Any]],
    base: int,
    received: int,
    counts: Counter[str],
) -> dict[tuple[int, str], _Sums]:
    """By hour and fingerprint; two statements of one shape meet. Times are microseconds since 1970."""
    earliest, latest = received - BEHIND_US, received + AHEAD_US
    by_index: dict[tuple[int, int], _Sums] = {}
    sums: dict[tuple[int, str], _Sums] = {}
    known = len(shapes)
    for event in events:
        at = base + event["offset_us"]
        if not earliest <= at <= latest:
            at = received
            counts["clock"] += 1
        index, hour = event["shape"], at - at % HOUR_US
        if (one := by_index.get((index, hour))) is None:
            if not 0 <= index < known:
                raise RecordError(f"an event is of shape {index}, but the record has {known}")
            shape = shapes[index]
            one = sums.setdefault((hour, shape.id), _Sums(shape, hour, at))
            by_index[index, hour] = one
        if at < one.first:
            one.first = at
        elif at > one.last:
            one.last = at
        latency = event["latency_us"]
        if not 0 <= latency <= LARGEST_US:
            latency = 0 if latency < 0 else LARGEST_US
            counts["latency"] += 1
        one.latencies.append(latency)
        if (rows := event["rows"]) > 0:
            one.rows += rows if rows <= LARGEST_COUNT else _possible(rows, counts)
        if event["error"] is not None:
            one.errors += 1
        if (route := event["route"]) is not None:
            one.routes[route[:LONGEST_NAME]] += 1
        if (profile := event["profile"]) is not None:
            one.profiled.append({name: _possible(figure, counts) for name, figure in profile.items()})
    return sums


def _possible(figure: int, counts: Counter[str]) -> int:
    if 0 <= figure <= LARGEST_COUNT:
        return figure
    counts["count"] += 1
    return 0 if figure < 0 else LARGEST_COUNT


def _most_taken(routes: Counter[str]) -> Counter[str]:
    ordered = sorted(routes.items(), key=lambda route: (-route[1], route[0]))
    kept = Counter(dict(ordered[:ROUTES]))
    kept[OTHER_ROUTES] += sum(count for _, count in ordered[ROUTES:])
    return kept
