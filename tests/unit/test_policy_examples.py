"""A team's own examples of its policy, and the policy in words."""

from pathlib import Path
from typing import Any

import pytest

from schemas.errors import InputError
from streams.access import examples, explaining, policy
from tests.access import CLUSTER, COST, DROP, INDEX, POLICY, later, planned, with_changes

FOLDER = Path(__file__).parents[2] / "deploy" / "policy"
READ = policy.read(POLICY)


def test_the_examples_that_are_shipped_hold() -> None:
    found = dict(examples.run(policy.parse((FOLDER / "policy.toml").read_bytes()), FOLDER / "examples.toml"))
    assert len(found) == 6
    assert set(found.values()) == {""}


def ran(tmp_path: Path, text: str, **changes: Any) -> dict[str, str]:
    (tmp_path / "examples.toml").write_text(text)
    return dict(examples.run(policy.read(with_changes(**changes)), tmp_path / "examples.toml"))


EXAMPLE = """
[[example]]
name = "a rebuild"
actions = ["create_index", "cluster"]
approved_by = ["bob", "alice"]
at = 2026-11-30T23:00:00+01:00
expect = "now"
"""


def test_what_does_something_else_is_told_with_the_reason(tmp_path: Path) -> None:
    assert ran(tmp_path, EXAMPLE) == {"a rebuild": ""}
    assert ran(tmp_path, EXAMPLE, **{"windows.nights.begins": "23:30"}) == {
        "a rebuild": "expected now, found later: 2 of 2 steps may be done, from 2026-11-30 22:30 UTC on, when the "
        "maintenance window opens"
    }
    assert ran(tmp_path, EXAMPLE + 'proposer = "alice"') == {
        "a rebuild": "expected now, found refused: alice proposed it, so others have to approve it"
    }
    assert ran(tmp_path, EXAMPLE + "build_s = 700") == {
        "a rebuild": "expected now, found refused: it takes 700 s to build, and the policy allows 60"
    }
    assert ran(tmp_path, EXAMPLE.replace('"bob"', '"bop"')) == {"a rebuild": "there is no approver bop"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x = ", "cannot be read"),
        ("", "example: Field required"),
        (EXAMPLE + "expects = 1", "example.0.expects: Extra inputs"),
        (EXAMPLE.replace("cluster", "clutser"), "a rebuild: there is no action 'clutser', but add_column, "),
        (EXAMPLE.replace("+01:00", ""), "example.0.at: Input should have timezone info"),
    ],
)
def test_what_is_no_example_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        ran(tmp_path, text)


def test_the_classes_in_words() -> None:
    assert list(explaining.classes(READ)) == [
        ("index", "create_index, drop_index", "alice, bob", "1", "at any time", "60.0 s, 1 MB more, 10 MB meanwhile",
         "after 7 days"),
        ("rebuild", "cluster, change_type", "alice, bob", "2", "nights", "10 min, 1 MB more, 10 MB meanwhile",
         "after 2 days"),
    ]  # fmt: skip


def test_what_is_done_or_left_alone_without_asking_in_words() -> None:
    mute = {"rule": "clustering", "table": "orders", "by": "alice", "reason": "it is loaded sorted"}
    found = with_changes(automatic={"classes": ["index"], "verified": 3}, mutes=[
        mute, mute | {"rule": "ENUM", "table": "", "product": "shop", "until": "2026-12-01T01:00:00+01:00"},
    ])  # fmt: skip
    assert list(explaining.beside(policy.read(found), later(hours=1))) == [
        "index is approved by itself after 3 verified gains in a row",
        "clustering on orders is not proposed: it is loaded sorted (alice)",
        "ENUM of shop is not proposed until 2026-12-01 00:00 UTC: it is loaded sorted (alice)",
    ]
    assert list(explaining.beside(READ, later(hours=1))) == []
    frozen = [{"begins": later(hours=0), "ends": later(days=61), "reason": "a move"}]
    dubious = policy.read(with_changes(development=True, freezes=frozen))
    assert list(explaining.beside(dubious, later(hours=1))) == [
        "warning: it is for development alone: it takes keys of HS256, which whoever verifies can forge",
        "warning: nothing of index is carried out in the next 60 days: there is no time outside the freezes",
        "warning: nothing of rebuild is carried out in the next 60 days: none of its windows opens outside the freezes",
    ]


def test_what_is_asked_of_one_suggestion() -> None:
    head = "index 1 (sales/main, revision 3)"
    assert list(explaining.asked(READ, planned(INDEX, CLUSTER), later(hours=1))) == [
        head,
        "step 1: create_index is of index: 1 of alice, bob",
        "step 2: cluster is of rebuild: 2 of alice, bob",
        "2 of 2 steps may be done, from 2026-11-29 21:00 UTC on, when the maintenance window opens",
        "approvals are taken until 2026-12-01 12:00 UTC",
    ]
    assert list(explaining.asked(READ, planned(DROP, INDEX), later(hours=1))) == [
        head, "step 1: drop_table is in no class, so nobody may approve it or what comes after it"]  # fmt: skip
    dear = planned(INDEX, cost=COST.model_copy(update={"build_s": 61}))
    assert list(explaining.asked(READ, dear, later(hours=1)))[-1] == (
        "refused: it takes 61 s to build, and the policy allows 60"
    )
