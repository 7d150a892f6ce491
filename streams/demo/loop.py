"""The closed loop on embedded defaults: after the first analysis changes are approved, carried out in the product while
it works, compared with their promises, and one that a shifted workload makes harmful is taken back by itself.

Everything is real but the people: the approvals of a person go through the command line, those of a service through
Kafka; the product is told by its standard input to deploy a rewritten statement, and to be used in another way.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from uuid import uuid4

from rich.console import Console

from schemas.actions import CreateIndex, Rewrite, unpack
from schemas.approvals import Claims
from schemas.codec import Codec
from schemas.errors import SidecarError
from schemas.records import Approval, Outcome, Suggestion, Verdict
from schemas.topics import APPROVALS
from streams.connections import confluent_config
from streams.demo.run import Demo, first_analysis, started, temporary_folder
from streams.demo.team import Team
from streams.landing.script import is_advice
from streams.seen import progress_on, tell
from streams.sending import Sending
from streams.terminal import table

OF_PARTNER = "lineitem"
"""The table that a partner's batches are of: an index on it pays for people's pages, and not for those."""
BUDGET_S = 90
"""Of measuring: more than without the loop, so that an index is reached."""
CHANGES = 2
"""That are approved besides the one that turns out harmful."""
ANALYSIS_S = 120
OPERATION_S = 90
VERDICT_S = 330
"""At 6 slots of half a minute, a minute for the change to settle, and half a one for the log to come."""
TO_APPLIED, TO_VERDICT = "approval_to_applied_s", "applied_to_verdict_s"


@dataclass(slots=True)
class Loop:
    """Of the changes that are suggested it approves `chosen`, and `harmful`, which the shifted workload makes so."""

    demo: Demo
    team: Team
    approved: list[dict[str, str]] = field(default_factory=list)
    chosen: list[Suggestion] = field(default_factory=list)
    harmful: Suggestion | None = None

    def run(self) -> None:
        """Raises SidecarError where something is not as it should be."""
        changes = [one for _, one in sorted(self.demo.seen.suggestions.items()) if one.kind == "change"]
        self.harmful = next((one for one in changes if _is_index_of_partner(one)), None)
        self.chosen = [one for one in changes if one is not self.harmful][:CHANGES]
        if not changes:
            return
        for at, one in enumerate(self.changes):
            if at == 0:
                self._approve_by_person(one)
            else:
                self._approve_by_service(one)
        if self.harmful is not None:
            self._wait_for([self.harmful], last=1)
            self.demo.progress("the workload shifts: a partner's batches are most of it now")
            self.demo.product.tell(shift=True)
        self._land(self.chosen)
        self.demo.progress("all is done; now the log tells what came of it, by production's own thresholds")
        self._judge()

    @property
    def changes(self) -> list[Suggestion]:
        return [*self.chosen, *([self.harmful] if self.harmful else [])]

    def missing(self) -> list[str]:
        """What was to be shown and was not."""
        return [*self._missing_changes(), *self._missing_verdicts()]

    def _missing_changes(self) -> Iterator[str]:
        if len(self.changes) < 2:
            few = "one change was" if self.changes else "no change was"
            yield f"{few} suggested this time, and a person and a service are to approve one each"
        if self.harmful is None:
            yield f"no index on {OF_PARTNER} was suggested this time, so nothing turned out harmful and was taken back"

    def _missing_verdicts(self) -> Iterator[str]:
        for one in self.changes:
            if (verdict := self.verdict(one)) is None:
                yield f"no verdict came in {VERDICT_S} s on: {one.title}"
            elif one is self.harmful and verdict.verdict != "worse":
                yield f"{verdict.verdict} instead of worse is: {one.title}"
            elif verdict.verdict == "worse" and not self._is_taken_back(one):
                yield f"worse, and not taken back in {VERDICT_S} s, is: {one.title}"

    def times(self) -> list[dict[str, object]]:
        """Of each change the seconds from its approval to when it was done, in place, and from then to its verdict.

        What people land as code is done when they say so, which no approval can hasten.
        """
        approved = {one["suggestion_id"]: datetime.fromisoformat(one["time"]) for one in self.approved}
        told: list[dict[str, object]] = []
        for one in self.changes:
            in_place, whole = (self._outcome(one, _steps(one, all_of_them=of)) for of in (False, True))
            verdict = self.verdict(one)
            told.append({
                "suggestion_id": one.suggestion_id,
                TO_APPLIED: _seconds(approved[one.suggestion_id], in_place.time if in_place else None),
                TO_VERDICT: _seconds(whole.time if whole else None, verdict.time if verdict else None),
            })  # fmt: skip
        return told

    def _approve_by_person(self, one: Suggestion) -> None:
        now = datetime.now(UTC)
        command = [sys.executable, "-m", "streams.cli", "approve", one.suggestion_id, "--key", str(self.team.person)]
        environment = {
            **os.environ,
            "SIDECAR_API_URL": self._api_url(),
            "SIDECAR_DATA_FOLDER": str(self.demo.settings.data_folder),
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise SidecarError(f"sidecar approve failed: {done.stdout}{done.stderr}")
        self._note(one, now, "alice", "the command line", done.stdout.strip().splitlines()[-1])

    def _api_url(self) -> str:
        """Where the sidecar says that it listens."""
        return self.demo.sidecar.find(r"http://127\.0\.0\.1:\d+")

    def _approve_by_service(self, one: Suggestion) -> None:
        now = datetime.now(UTC)
        claims = Claims(
            **one.model_dump(include={"product", "database", "suggestion_id", "revision", "plan_hash"}),
            decision="approve",
            steps=len(one.steps),
        )
        approval = Approval(
            product=one.product,
            database=one.database,
            instance="release",
            event_id=str(uuid4()),
            time=now,
            token=self.team.service.sign(claims, now),
        )
        with closing(Sending(confluent_config(self.demo.settings), self.demo.settings.topic_prefix, Codec())) as kafka:
            kafka.send(APPROVALS, approval)
        self._note(one, now, "release", "Kafka", "sent")

    def _note(self, one: Suggestion, now: datetime, by: str, way: str, answer: str) -> None:
        self.demo.progress(f"approved by {by}, through {way}: {one.title} ({answer})")
        self.approved.append({"suggestion_id": one.suggestion_id, "by": by, "way": way, "time": now.isoformat()})

    def _land(self, chosen: Sequence[Suggestion]) -> None:
        """In place by the product's client; rewrites by its people, who deploy them."""
        self._wait_for(chosen, last=0)
        rewrites = {
            body.fingerprint: body.statement
            for one in chosen
            for step in one.steps
            if isinstance(body := unpack(step.action), Rewrite)
        }
        if rewrites:
            self.demo.progress(f"{len(rewrites)} rewritten statements are deployed into the product")
            self.demo.product.tell(rewrites=rewrites)
        self._wait_for(chosen, last=1)

    def _wait_for(self, changes: Sequence[Suggestion], last: int) -> None:
        """Until the steps in place are done, and with `last` all of them."""

        def missing() -> list[str]:
            return [one.title for one in changes if self._done(one) < _steps(one, all_of_them=bool(last))]

        self.demo.until(lambda: not missing(), lambda: f"to be carried out: {'; '.join(missing())}", OPERATION_S)

    def _done(self, one: Suggestion) -> int:
        """How many of its steps. Raises SidecarError where an operation did not pass."""
        found = [outcome for outcome in self.demo.seen.outcomes if outcome.suggestion_id == one.suggestion_id]
        if failed := next((outcome for outcome in found if outcome.state != "done"), None):
            raise SidecarError(f"{one.title} is {failed.state}: {failed.reason}")
        return max((outcome.last for outcome in found), default=0)

    def _judge(self) -> None:
        def waiting() -> list[str]:
            return [one.title for one in self.changes if not self._is_through(one)]

        late = time.monotonic() + VERDICT_S
        self.demo.until(
            lambda: not waiting() or time.monotonic() > late,
            lambda: f"watching {'; '.join(waiting())}",
            2 * VERDICT_S,
        )
        for title in waiting():
            self.demo.progress(f"not told in {VERDICT_S} s, and watched for a day in production: {title}")

    def _is_through(self, one: Suggestion) -> bool:
        """Whether its last part was judged, and taken back where it was worse."""
        verdict = self.verdict(one)
        return verdict is not None and (not verdict.taking_back or self._is_taken_back(one))

    def _is_taken_back(self, one: Suggestion) -> bool:
        return any(
            outcome.kind == "revert" and outcome.state == "done"
            for outcome in self.demo.seen.outcomes
            if outcome.suggestion_id == one.suggestion_id
        )

    def verdict(self, one: Suggestion) -> Verdict | None:
        last = self._outcome(one, len(one.steps))
        found = (verdict for verdict in self.demo.seen.verdicts if last and verdict.operation_id == last.operation_id)
        return next(found, None)

    def _outcome(self, one: Suggestion, steps: int) -> Outcome | None:
        """Of the operation with which so many of its steps were done."""
        of = (one.suggestion_id, "apply", steps)
        found = (done for done in self.demo.seen.outcomes if (done.suggestion_id, done.kind, done.last) == of)
        return next(found, None)


def run(console: Console, json_file: Path | None) -> None:
    """Ends by itself with every process stopped. Raises SidecarError, also where not all was there to be shown."""
    progress = progress_on(console)
    with temporary_folder() as folder:
        team = Team.of(folder / "team")
        of_sidecar = {**team.of_sidecar, "SIDECAR_ANALYSIS_BUDGET_S": str(BUDGET_S)}
        with started(folder, progress, team.of_product, of_sidecar) as demo:
            demo.until(lambda: demo.seen.asked is not None, lambda: "waiting for the first analysis", ANALYSIS_S)
            progress("meanwhile a new partner's batches come now and then, which the analysis does not know")
            demo.product.tell(partner=True)
            first_analysis(demo)
            loop = Loop(demo, team)
            loop.run()
            progress("stopping all")
    seen = demo.seen
    times = loop.times()
    more: dict[str, object] = {
        "approvals": loop.approved,
        "operations": [one.model_dump(mode="json") for one in seen.outcomes],
        "verdicts": [one.model_dump(mode="json") for one in seen.verdicts],
        "times": times,
        "median_times": {name: median(of) for name in (TO_APPLIED, TO_VERDICT) if (of := _known(times, name))},
    }
    tell(seen, console, progress, json_file, more)
    console.print(_what_came(seen.verdicts, {one.suggestion_id: one for one in seen.suggestions.values()}))
    for what, name in (("from approval to applied, in place", TO_APPLIED), ("from applied to verdict", TO_VERDICT)):
        if of := _known(times, name):
            progress(f"{what}: {median(of):.1f} s, the median of {len(of)} ({min(of):.1f} to {max(of):.1f} s)")
    if missing := loop.missing():
        raise SidecarError(
            f"the loop was not shown whole: {'; '.join(missing)}. A busy machine measures less: run it "
            "again while there is less at work on it"
        )


def _known(times: Sequence[Mapping[str, object]], name: str) -> list[float]:
    return [found for one in times if isinstance(found := one[name], float)]


def _seconds(begun: datetime | None, ended: datetime | None) -> float | None:
    return (ended - begun).total_seconds() if begun and ended else None


def _what_came(verdicts: Sequence[Verdict], of: dict[str, Suggestion]) -> object:
    listed = table("what", "promised", "came", "verdict", "why")
    for one in verdicts:
        promised = f"{one.promised:.2f}x" if one.promised >= 0 else ""
        listed.add_row(of[one.suggestion_id].title, promised, f"{one.speedup:.2f}x", one.verdict, one.reason)
    return listed


def _steps(one: Suggestion, *, all_of_them: bool) -> int:
    """All, or those before the first that is landed as code."""
    if all_of_them:
        return len(one.steps)
    return next((at for at, step in enumerate(one.steps) if is_advice(step)), len(one.steps))


def _is_index_of_partner(one: Suggestion) -> bool:
    bodies = [unpack(step.action) for step in one.steps]
    return all(isinstance(body, CreateIndex) and body.table == OF_PARTNER for body in bodies)
