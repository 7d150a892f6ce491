"""Compares what a change brought with what was promised, and has it taken back where it made things worse."""

from datetime import datetime, timedelta

from duckdb import DuckDBPyConnection

from inference.outcome import Came, judge, time_ratio
from schemas.canonical import canonical
from schemas.codec import Codec
from schemas.records import Gain, Step, Verdict
from schemas.topics import VERDICTS
from store import suggestions, watches
from store.watches import Judge, Slots, Watched
from streams.access.ordering import OURSELVES, Ordering
from streams.deciding import Deciding, outgoing
from streams.landing.dropping import drops, hides, missed_by
from streams.landing.way import only_prepares

WATCH_FOR = timedelta(days=1)
"""After which what could not be told until then is said to be so."""
SETTLES = timedelta(minutes=1)
"""After a change, in which what it has touched is read into memory again."""
LATE = timedelta(seconds=30)
"""For the log of a slot to arrive."""
LONGEST_TEXT = 500
NONE = Slots([], [], compared=True)
MISSED = Came("worse", 1.0, 1.0, 1.0, 0, None)
UNMISSED = Came("confirmed", 1.0, 1.0, 1.0, 0, None)
ATTEMPTS = 5
"""To take back what made things worse, where the product refuses or gives way."""
AGAIN = timedelta(minutes=10)


class Verifying:
    """What was put out of sight to be dropped has to be so for `unseen`, and nobody may have asked for it."""

    def __init__(
        self,
        tx: DuckDBPyConnection,
        codec: Codec,
        deciding: Deciding,
        now: datetime,
        ordering: Ordering,
        unseen: timedelta,
    ) -> None:
        self._tx = tx
        self._codec = codec
        self._deciding = deciding
        self._now = now
        self._ordering = ordering
        self._unseen = unseen

    def judge(self, *, absence: bool) -> None:
        """Every change of which enough was seen, or that was watched for long enough.

        With `absence` also what is out of sight, for which all that ran since has to be searched.
        """
        for one in watches.waiting(self._tx):
            if self._deciding.full:
                return
            suggestion = suggestions.revision(self._tx, one.suggestion_id, one.revision)
            gain = suggestion.gain if suggestion else None
            last = suggestion.steps[one.last - 1] if suggestion else None
            if suggestion and only_prepares(suggestion.steps, one.first, one.last):
                continue
            if last is not None and (hides(last) or drops(last)):
                if absence:
                    self._judge_absence(one, last)
                continue
            slots = watches.slots(self._tx, one.operation_id, one.ended + SETTLES, self._now - LATE)
            came = judge(slots.shifts, gain.low if gain else None)
            # without others to compare with, what slowed the machine looks like what slowed the queries
            is_told = came.verdict == "confirmed" or (came.verdict == "worse" and slots.compared)
            if is_told or self._now - one.ended > WATCH_FOR:
                alone = "" if slots.compared or not came.slots else "; nothing else ran to compare it with"
                self._decide(one, came, gain, slots, _told(came, gain) + alone)
        for again in watches.still_worse(self._tx, ATTEMPTS, self._now - AGAIN):
            if self._deciding.full:
                return
            self._ordering.take_back(again.product, again.operation_id, OURSELVES)

    def _judge_absence(self, one: Watched, last: Step) -> None:
        """Of what was put out of sight, or dropped, which promises nothing about time."""
        if asked := missed_by(self._tx, one.product, one.database, last, one.ended):
            self._decide(one, MISSED, None, NONE, f"it was asked for: {asked[:LONGEST_TEXT]}")
        elif drops(last):
            self._decide(one, UNMISSED, None, NONE, "it is gone, as was promised")
        elif self._now - one.ended > self._unseen:
            days = self._unseen / timedelta(days=1)
            self._decide(one, UNMISSED, None, NONE, f"nobody asked for it in {days:g} days out of sight")

    def _decide(self, one: Watched, came: Came, gain: Gain | None, slots: Slots, reason: str) -> None:
        compared, of_time = slots.compared, time_ratio(slots.times)
        kept = None
        if came.verdict == "worse" and compared:
            kept = self._ordering.take_back(one.product, one.operation_id, OURSELVES)
            reason += f"; it is not taken back now: {kept}" if kept else "; it is being taken back"
        body = Judge(
            operation_id=one.operation_id,
            suggestion_id=one.suggestion_id,
            revision=one.revision,
            verdict="inconclusive" if came.verdict == "open" else came.verdict,
            reason=reason,
            speedup=came.speedup,
            low=came.low,
            high=came.high,
            slots=came.slots,
            promised=gain.speedup if gain else None,
            promised_low=gain.low if gain else None,
            promised_high=gain.high if gain else None,
            as_promised=came.as_promised,
            compared=compared,
            time_ratio=of_time.median if of_time else None,
            time_low=of_time.low if of_time else None,
            time_high=of_time.high if of_time else None,
        )
        inner = {"kind", "compared", "time_ratio", "time_low", "time_high", "promised", "promised_low", "promised_high"}
        verdict = Verdict(
            **body.model_dump(exclude=inner),
            product=one.product,
            database=one.database,
            instance="",
            event_id=self._deciding.derived("message"),
            time=self._now,
            promised=gain.speedup if gain else -1,
            promised_low=gain.low if gain else -1,
            promised_high=gain.high if gain else -1,
            taking_back=came.verdict == "worse" and compared and kept is None,
        )
        message = outgoing(VERDICTS, verdict, self._codec.encode(verdict))
        self._deciding.decide("judge", one.product, one.database, canonical(body), message)


def _told(came: Came, gain: Gain | None) -> str:
    promise = f", {gain.speedup:.2f}x was promised ({gain.low:.2f} to {gain.high:.2f})" if gain else ""
    if not came.slots:
        return f"none of the affected queries ran in a day, so nobody knows{promise}"
    seen = (
        f"the affected queries take 1/{came.speedup:.2f} of the time that they took before ({came.low:.2f} to "
        f"{came.high:.2f}, {came.slots} slots of {watches.SLOT_US // 1_000_000} s){promise}"
    )
    return seen if came.verdict != "open" else f"not enough to tell in a day: {seen}"
