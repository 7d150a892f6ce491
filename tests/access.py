"""A policy and a suggestion for the tests of the gate."""

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.actions import Cluster, CreateIndex, DropTable, SortKey, pack
from schemas.plan import plan_hash, steps
from schemas.records import Column, Cost, Limits, Step, Suggestion, Table
from schemas.render import Tables
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
    found: list[Step] = steps([pack(body) for body in bodies], TABLES, Limits(build_s=60, extra_bytes=1, peak_bytes=1))
    return suggestion(
        **{"steps": found, "plan_hash": plan_hash(found), "cost": COST, "revision": 3, "time": MEASURED} | more
    )


def later(**by: float) -> datetime:
    """After it was measured."""
    return MEASURED + timedelta(**by)
