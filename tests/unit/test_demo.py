"""The demo's product, as people change it, the team that lets them, and what the loop says of itself."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from rich.console import Console

from schemas.actions import CreateIndex, pack
from schemas.approvals import verify
from schemas.errors import SidecarError
from schemas.fingerprint import shape
from schemas.records import Approval, Outcome, Suggestion, Verdict
from streams.access.gatekeeper import read
from streams.access.policy import ACTIONS
from streams.access.signing import load
from streams.demo import loop
from streams.demo.loop import OF_PARTNER, VERDICT_S, Loop
from streams.demo.product import SHIFTED_RUNS, _deployed, _runs
from streams.demo.team import Team
from streams.demo.workload import statements
from streams.seen import Seen
from tests.access import INDEX, claimed, planned

OLD = "SELECT id FROM orders WHERE day >= $day AND day < $day + INTERVAL 7 DAY AND status = 'open' AND city = $city"
NEW = "SELECT id FROM summary WHERE city = $5 AND status = $4 AND day < $2 + INTERVAL '$3' DAY AND day >= $1"


def test_a_deployed_statement_has_the_parameters_and_constants_of_the_old_one_and_the_promised_shape() -> None:
    rewrites = {shape(OLD, {"day": "", "city": ""}).id: NEW}
    text = _deployed(OLD, ("day", "city"), rewrites)
    assert text == (
        "SELECT id FROM summary WHERE city = $city AND status = 'open' AND day < $day + INTERVAL 7 DAY AND day >= $day"
    )
    assert shape(text, {"day": 1, "city": 2}).id == shape(NEW).id
    assert _deployed("SELECT 1", (), rewrites) == "SELECT 1"


def test_once_it_has_shifted_the_partners_batches_are_most_of_what_it_does() -> None:
    runs = {one.name: _runs(one, shifted=True) for one in statements("partner.sql")}
    assert (runs["load_partner"], runs["clear_partner"]) == (SHIFTED_RUNS, SHIFTED_RUNS)
    assert {runs[name] for name in runs if name.startswith("customer")} == {0}
    assert {count for name, count in runs.items() if "partner" not in name} == {0, 1}
    assert all(_runs(one, shifted=False) == one.runs for one in statements("partner.sql"))
    assert not [one for one in statements() if "partner" in one.name]


def test_a_partners_batch_comes_and_goes() -> None:
    batch, clear = statements("partner.sql")[-2:]
    with duckdb.connect() as connection:
        columns = ", ".join(f"c{number} VARCHAR" for number in range(1, 16))
        connection.execute(f"CREATE TABLE lineitem(l_orderkey BIGINT, {columns})")
        assert connection.execute(batch.sql).fetchall() == [(5000,)]
        assert connection.execute(clear.sql).fetchall() == [(5000,)]


def test_its_team_may_approve_everything_by_keys_that_the_policy_knows(tmp_path: Path) -> None:
    team = Team.of(tmp_path / "team")
    rules = read(tmp_path / "team" / "policy.toml")
    assert sorted(rules.policy.classes["all"].actions) == ACTIONS
    now = datetime.now(UTC)
    for name, key in (("alice", load(team.person)), ("release", team.service)):
        token = key.sign(claimed(planned(INDEX)), now)
        sent = Approval(product="sales", database="main", instance="", event_id="", time=now, token=token)
        assert rules.policy.approver_of(verify(rules.keys, sent, now).identity) == name
        assert rules.policy.may(name, rules.policy.classes["all"])


APPROVED = datetime(2026, 11, 30, 12, tzinfo=UTC)
GOOD, BETTER = (
    planned(INDEX, title=name, suggestion_id=name, position=at) for at, name in ((1, "good"), (2, "better"))
)  # fmt: skip
HARMFUL = planned(
    INDEX, title="harmful", suggestion_id="harmful", position=3,
).model_copy(update={"steps": [
    GOOD.steps[0].model_copy(update={"action": pack(CreateIndex(table=OF_PARTNER, name="i", columns=["l_orderkey"]))})
]})  # fmt: skip


def outcome(of: Suggestion, after_s: float, kind: str = "apply") -> Outcome:
    """So long after its approval."""
    return Outcome(
        product="sales", database="main", instance="", event_id="", time=APPROVED + timedelta(seconds=after_s),
        operation_id=f"{kind} {of.title}", kind=kind, suggestion_id=of.suggestion_id, revision=of.revision,
        plan_hash=of.plan_hash, first=0, last=1, state="done", reason="", began=APPROVED, seconds=0.5, waiting=0,
        waited_ms=0,
    )  # fmt: skip


def verdict(of: Suggestion, after_s: float, said: str = "confirmed") -> Verdict:
    return Verdict(
        product="sales", database="main", instance="", event_id="", time=APPROVED + timedelta(seconds=after_s),
        operation_id=f"apply {of.title}", suggestion_id=of.suggestion_id, revision=of.revision, verdict=said,
        reason="so it is", speedup=2, low=2, high=2, slots=6, promised=2, promised_low=2, promised_high=2,
        as_promised=True, taking_back=said == "worse",
    )  # fmt: skip


WHOLE = {
    "suggestions": [GOOD, BETTER, HARMFUL],
    "outcomes": [outcome(GOOD, 1), outcome(BETTER, 2), outcome(HARMFUL, 4), outcome(HARMFUL, 300, "revert")],
    "verdicts": [verdict(GOOD, 291), verdict(BETTER, 294), verdict(HARMFUL, 298, "worse")],
}


def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seen: Seen) -> tuple[str, list[str], dict[str, Any], str]:
    """What a demo prints and did that sees this: its text, what it told the product, its JSON, and its error."""
    out, told = io.StringIO(), []

    @contextmanager
    def started(*_: object) -> Iterator[Any]:
        yield SimpleNamespace(
            seen=seen, progress=told.append, until=lambda *_: None,
            product=SimpleNamespace(tell=lambda **how: told.append(*how)),
        )  # fmt: skip
        told.append("stopped")

    def approved(by: str) -> Any:
        return lambda self, one: self._note(one, APPROVED, by, by, "")

    monkeypatch.setattr(loop, "started", started)
    monkeypatch.setattr(loop, "first_analysis", lambda _: None)
    monkeypatch.setattr(Loop, "_approve_by_person", approved("person"))
    monkeypatch.setattr(Loop, "_approve_by_service", approved("service"))
    error = ""
    try:
        loop.run(Console(file=out, width=200), tmp_path / "demo.json")
    except SidecarError as found:
        error = str(found)
    return out.getvalue(), told, json.loads((tmp_path / "demo.json").read_text()), error


def seen_of(**of: Any) -> Seen:
    """What came of suggestions, of those that there are."""
    ids = {one.suggestion_id for one in of["suggestions"]}
    outcomes, verdicts = ([one for one in of[name] if one.suggestion_id in ids] for name in ("outcomes", "verdicts"))
    return Seen(
        suggestions={one.position: one for one in of["suggestions"]}, outcomes=outcomes, verdicts=verdicts
    )  # fmt: skip


def test_a_loop_that_was_shown_whole_tells_how_long_each_part_of_it_took(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text, told, written, error = ran(monkeypatch, tmp_path, seen_of(**WHOLE))
    assert error == ""
    assert [one["by"] for one in written["approvals"]] == ["person", "service", "service"]
    assert written["times"] == [
        {"suggestion_id": "good", "approval_to_applied_s": 1, "applied_to_verdict_s": 290},
        {"suggestion_id": "better", "approval_to_applied_s": 2, "applied_to_verdict_s": 292},
        {"suggestion_id": "harmful", "approval_to_applied_s": 4, "applied_to_verdict_s": 294},
    ]
    assert written["median_times"] == {"approval_to_applied_s": 2, "applied_to_verdict_s": 292}
    assert "from approval to applied, in place: 2.0 s, the median of 3 (1.0 to 4.0 s)" in text
    assert "from applied to verdict: 292.0 s, the median of 3 (290.0 to 294.0 s)" in text
    assert "shift" in told


LESS: dict[str, tuple[dict[str, Any], str]] = {
    "no index of the partner's": (
        {"suggestions": [GOOD, BETTER]},
        "no index on lineitem was suggested this time, so nothing turned out harmful and was taken back"),
    "one change": (
        {"suggestions": [HARMFUL]},
        "one change was suggested this time, and a person and a service are to approve one each"),
    "no change": ({"suggestions": []}, "no change was suggested this time, and a person and"),
    "a verdict that did not come": ({"verdicts": WHOLE["verdicts"][1:]}, f"no verdict came in {VERDICT_S} s on: good"),
    "no harm": (
        {"verdicts": [*WHOLE["verdicts"][:2], verdict(HARMFUL, 298)]}, "confirmed instead of worse is: harmful"),
    "what was not taken back": (
        {"outcomes": WHOLE["outcomes"][:3]}, f"worse, and not taken back in {VERDICT_S} s, is: harmful"),
}  # fmt: skip


@pytest.mark.parametrize("case", LESS)
def test_a_loop_that_lacks_a_part_says_so_at_the_end_once_all_is_stopped_and_what_there_was_is_shown(
    case: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    changed, why = LESS[case]
    text, told, written, error = ran(monkeypatch, tmp_path, seen_of(**{**WHOLE, **changed}))
    assert error.startswith("the loop was not shown whole: ")
    assert why in error
    assert error.endswith("run it again while there is less at work on it")
    assert told[-1] == "stopped"
    shown = [one.title for one in changed.get("suggestions", WHOLE["suggestions"])]
    assert len(written["suggestions"]) == len(shown)
    assert all(title in text for title in shown)
