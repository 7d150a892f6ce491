"""The closed loop on embedded defaults: after the first analysis changes are approved, carried out in the product while
it works, compared with their promises, and one that a shifted workload makes harmful is taken back by itself.

Everything is real but the people: the approvals of a person go through the command line, those of a service through
Kafka; the product is told by its standard input to deploy a rewritten statement, and to be used in another way.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from rich.console import Console

from schemas.actions import CreateIndex, Rewrite, unpack
from schemas.approvals import Claims
from schemas.codec import Codec
from schemas.errors import SidecarError
from schemas.records import Approval, Suggestion, Verdict
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


@dataclass(slots=True)
class Loop:
    demo: Demo
    team: Team
    approved: list[dict[str, str]] = field(default_factory=list)

    def run(self) -> None:
        """Raises SidecarError where something is not as it should be."""
        changes = [one for _, one in sorted(self.demo.seen.suggestions.items()) if one.kind == "change"]
        harmful = next((one for one in changes if _is_index_of_partner(one)), None)
        chosen = [one for one in changes if one is not harmful][:CHANGES]
        if not chosen and harmful is None:
            raise SidecarError("nothing was suggested this time, so there is nothing to approve: try again")
        for at, one in enumerate([*chosen, *([harmful] if harmful else [])]):
            if at == 0:
                self._approve_by_person(one)
            else:
                self._approve_by_service(one)
        if harmful is None:
            self.demo.progress(f"no index on {OF_PARTNER} was suggested this time: nothing can turn out harmful")
        else:
            self._wait_for([harmful], last=1)
            self.demo.progress("the workload shifts: a partner's batches are most of it now")
            self.demo.product.tell(shift=True)
        self._land(chosen)
        self.demo.progress("all is done; now the log tells what came of it, by production's own thresholds")
        self._judge([*chosen, *([harmful] if harmful else [])])

    def _approve_by_person(self, one: Suggestion) -> None:
        command = [sys.executable, "-m", "streams.cli", "approve", one.suggestion_id, "--key", str(self.team.person)]
        environment = {
            **os.environ,
            "SIDECAR_API_URL": self._api_url(),
            "SIDECAR_DATA_FOLDER": str(self.demo.settings.data_folder),
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise SidecarError(f"sidecar approve failed: {done.stdout}{done.stderr}")
        self._note(one, "alice", "the command line", done.stdout.strip().splitlines()[-1])

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
        self._note(one, "release", "Kafka", "sent")

    def _note(self, one: Suggestion, by: str, way: str, answer: str) -> None:
        self.demo.progress(f"approved by {by}, through {way}: {one.title} ({answer})")
        self.approved.append({"suggestion_id": one.suggestion_id, "by": by, "way": way})

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

    def _judge(self, changes: Sequence[Suggestion]) -> None:
        def waiting() -> list[str]:
            return [one.title for one in changes if not self._is_through(one)]

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
        if verdict is None or not verdict.taking_back:
            return verdict is not None
        return any(
            outcome.kind == "revert" and outcome.state == "done"
            for outcome in self.demo.seen.outcomes
            if outcome.suggestion_id == one.suggestion_id
        )

    def verdict(self, one: Suggestion) -> Verdict | None:
        last = {
            outcome.operation_id
            for outcome in self.demo.seen.outcomes
            if (outcome.suggestion_id, outcome.kind, outcome.last) == (one.suggestion_id, "apply", len(one.steps))
        }
        return next((verdict for verdict in self.demo.seen.verdicts if verdict.operation_id in last), None)


def run(console: Console, json_file: Path | None) -> None:
    """Ends by itself with every process stopped. Raises SidecarError."""
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
    more = {
        "approvals": loop.approved,
        "operations": [one.model_dump(mode="json") for one in seen.outcomes],
        "verdicts": [one.model_dump(mode="json") for one in seen.verdicts],
    }
    tell(seen, console, progress, json_file, more)
    console.print(_what_came(seen.verdicts, {one.suggestion_id: one for one in seen.suggestions.values()}))


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
