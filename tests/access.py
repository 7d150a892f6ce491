"""A policy and a suggestion for the tests of the gate."""

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from schemas.actions import Cluster, CreateIndex, DropTable, SortKey, pack
from schemas.approvals import Claims
from schemas.plan import plan_hash, steps
from schemas.records import Approval, Column, Cost, Limits, Suggestion, Table
from schemas.render import Tables
from streams.access.signing import create
from tests.store_records import suggestion

MEASURED = datetime(2026, 11, 29, 12, tzinfo=UTC)
POLICY: dict[str, Any] = {
    "version": 1,
    "issuers": {
        "people": {"jwks": "people.json"},
        "https://login.example": {"jwks": "provider.json", "id_tokens": True, "audience": "sidecar-page"},
    },
    "approvers": {
        "alice": {"identities": ["people|alice", "https://login.example|0042"], "roles": ["owner"]},
        "bob": {"identities": ["people|bob"], "roles": ["engineer", "owner"]},
        "carol": {"identities": ["people|carol"], "roles": ["analyst"]},
    },
    "classes": {
        "index": {
            "actions": ["create_index", "drop_index"], "roles": ["engineer", "owner"], "build_s": 60,
            "extra_bytes": 1_000_000, "peak_bytes": 10_000_000,
        },
        "rebuild": {
            "actions": ["cluster", "change_type"], "roles": ["owner"], "quorum": 2, "build_s": 600,
            "extra_bytes": 1_000_000, "peak_bytes": 10_000_000, "expires_days": 2, "windows": ["nights"],
        },
    },
    "windows": {"nights": {"begins": "22:00", "ends": "05:00", "zone": "Europe/Berlin"}},
}  # fmt: skip
ORDERS = Table(
    schema_name="main", name="orders", kind="table", rows=0, bytes=0, row_groups=0,
    columns=[Column(name=name, type="BIGINT", nullable=True) for name in ("id", "customer")],
)  # fmt: skip
OTHER = ORDERS.model_copy(update={"name": "other"})
TABLES: Tables = {("main", "orders"): ORDERS, ("main", "other"): OTHER}
INDEX = CreateIndex(table="orders", name="i", columns=["customer"])
CLUSTER = Cluster(table="orders", keys=[SortKey(column="id")])
DROP = DropTable(table="other")
COST = Cost(
    build_s=10, extra_bytes=1000, peak_bytes=5000, write_ratio=1, write_low=1, write_high=1, writes=0,
    break_even_runs=1, break_even_s=1,
)  # fmt: skip


def with_changes(**changes: Any) -> dict[str, Any]:
    """POLICY with values replaced, by their dotted place."""
    values = copy.deepcopy(POLICY)
    for place, value in changes.items():
        *path, last = place.split(".")
        inner = values
        for step in path:
            inner = inner[step]
        inner[last] = value
    return values


def planned(*bodies: Any, **more: Any) -> Suggestion:
    found, _ = steps([pack(body) for body in bodies], TABLES, Limits(build_s=60, extra_bytes=1, peak_bytes=1))
    return suggestion(
        **{"steps": found, "plan_hash": plan_hash(found), "cost": COST, "revision": 3, "time": MEASURED} | more
    )


def later(**by: float) -> datetime:
    """After it was measured."""
    return MEASURED + timedelta(**by)


class Team:
    """A policy with the keys of its people in a folder."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.folder = folder
        self.file = folder / "policy.toml"
        self.people = {name: create(folder / "keys" / name, "people", name) for name in ("alice", "bob", "carol")}
        (folder / "people.json").write_text(json.dumps({"keys": [key.public for key in self.people.values()]}))
        self.write(**changes)

    def write(self, **changes: Any) -> None:
        values = with_changes(**{
            "issuers": {"people": {"jwks": "people.json"}}, "approvers.alice.identities": ["people|alice"], **changes
        })  # fmt: skip
        self.file.write_text("\n".join(_toml(values)))

    def approval(self, who: str, on: Suggestion, at: datetime, event_id: str = "", **more: Any) -> Approval:
        claims = claimed(on, **more)
        event_id = event_id or str(uuid4())
        return Approval(
            product=on.product, database=on.database, instance="", event_id=event_id, time=at,
            token=self.people[who].sign(claims, at),
        )  # fmt: skip


def claimed(on: Suggestion, **more: Any) -> Claims:
    return Claims(
        **{
            "product": on.product, "database": on.database, "suggestion_id": on.suggestion_id,
            "revision": on.revision, "plan_hash": on.plan_hash, "decision": "approve", "steps": len(on.steps),
        }
        | more
    )  # fmt: skip


def _toml(values: dict[str, Any], place: str = "") -> Iterator[str]:
    """Tables within tables, and JSON's values, which are TOML's too."""
    for name, value in values.items():
        if not isinstance(value, dict):
            yield f"{name} = {json.dumps(value)}"
    for name, value in values.items():
        if isinstance(value, dict):
            yield f"[{place}{json.dumps(name)}]"
            yield from _toml(value, f"{place}{json.dumps(name)}.")
