"""A product that verifies approvals itself is changed by nobody whom enough of its people have not let."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.client.pinned import Pinned
from schemas.errors import SettingsError
from schemas.orders import Given, Order
from tests.access import INDEX, MEASURED, Team, planned
from tests.operating import order_of

NOW = MEASURED + timedelta(hours=1)
ONE = planned(INDEX)


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


def pinned(team: Team, quorum: Any = 2) -> Pinned:
    file = team.folder / "approvers.json"
    keys = [key.public for key in team.people.values()]
    file.write_text(json.dumps({"quorum": quorum, "issuers": {"people": {"keys": keys}}}))
    return Pinned(file)


def order(team: Team, *who: str, at: datetime = NOW, claims: dict[str, Any] | None = None, **more: Any) -> Order:
    given = [Given(approval=team.approval(one, ONE, at, **(claims or {})), time=at) for one in who]
    values = {"product": ONE.product, "database": ONE.database, "suggestion_id": ONE.suggestion_id,
              "revision": ONE.revision, "approvals": given}  # fmt: skip
    return order_of(ONE.steps, **{**values, **more})


def test_enough_different_people_let_a_plan_be_carried_out_and_taken_back(team: Team) -> None:
    both = order(team, "alice", "bob")
    assert pinned(team).objection(both, NOW) is None
    assert pinned(team).objection(both.model_copy(update={"kind": "revert"}), NOW) is None


@pytest.mark.parametrize(
    ("who", "more"),
    [
        (("alice",), {}),
        (("alice", "alice"), {}),
        (("alice", "bob"), {"plan_hash": "another"}),
        (("alice", "bob"), {"revision": 4}),
        (("alice", "bob"), {"database": "another"}),
        (("alice", "bob"), {"suggestion_id": "another"}),
        (("alice", "bob"), {"last": 2}),
        (("alice", "bob"), {"claims": {"decision": "reject"}}),
        (("alice", "bob"), {"at": NOW - timedelta(days=31)}),
        (("alice", "bob"), {"at": NOW + timedelta(hours=1)}),
    ],
)
def test_what_is_not_approved_as_it_is_ordered_is_refused(team: Team, who: tuple[str, ...], more: Any) -> None:
    found = pinned(team).objection(order(team, *who, **more), NOW)
    assert found in (
        "0 of 2 approvals hold by the keys that this product has",
        "1 of 2 approvals hold by the keys that this product has",
    )


def test_a_key_that_the_product_does_not_hold_counts_for_nothing(team: Team, tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    others = Team(tmp_path / "others")
    found = pinned(team).objection(order(others, "alice", "bob"), NOW)
    assert found
    assert found.startswith("0 of 2 approvals hold by the keys that this product has (one is refused: 'people' has no")


@pytest.mark.parametrize("quorum", [0, 4, "2", None])
def test_a_quorum_that_cannot_be_met_does_not_load(team: Team, quorum: Any) -> None:
    with pytest.raises(SettingsError, match="and there are keys of 3$"):
        pinned(team, quorum)


def test_a_file_that_is_none_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[]")
    for name in ("x.json", "missing.json"):
        with pytest.raises(SettingsError, match="has to be"):
            Pinned(tmp_path / name)
