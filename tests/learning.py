"""Analyses of a shop, with suggestions as measuring would have made them."""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

from inference.advisor import propose
from schemas.actions import suggestion_id
from schemas.records import AnalysisRequest, Candidate, Considered, Gain, Suggestion
from tests.access import COST
from tests.advising import column, request, table, use
from tests.store_records import suggestion

ORDERS = table(
    "orders",
    [
        column("id", distinct=3_000_000),
        column("customer", distinct=200_000),
        column("day", "DATE", distinct=700),
    ],
)
ITEMS = table("items", [column("item", distinct=3_000_000), column("price", "DOUBLE"), column("sold", "VARCHAR")])
OF_CUSTOMER = "SELECT id FROM orders WHERE customer = 1"
OF_DAYS = "SELECT count(*) FROM orders WHERE day BETWEEN DATE '2025-01-01' AND DATE '2025-01-03'"
OF_ITEM = "SELECT sum(price) FROM items WHERE item = 5"
BY_SOLD = "SELECT sold, sum(price) FROM items GROUP BY sold"


def analysis(number: int = 1, **counts: int) -> AnalysisRequest:
    """Its queries run 100 ms, ten times a day each, unless `counts` of customer, days, item and sold say otherwise."""
    counted = {"customer": 10, "days": 10, "item": 10, "sold": 10} | counts
    texts = zip((OF_CUSTOMER, OF_DAYS, OF_ITEM, BY_SOLD), counted.values(), strict=True)
    shapes = [use(text, count=count) for text, count in texts]
    insert = use("INSERT INTO orders VALUES (1, 2, 3)", p50_us=1_000)
    return request([ORDERS, ITEMS], [*shapes, insert], analysis_id=str(uuid5(NAMESPACE_URL, f"analysis {number}")))


def candidate(of: AnalysisRequest, title: str) -> Candidate:
    return next(one for one in propose(of).candidates if one.title == title)


def gain(saved_s_per_day: float) -> Gain:
    return Gain(
        speedup=2, low=1.9, high=2.1, k=8, before_ms=100, after_ms=50, saved_s_per_day=saved_s_per_day, measured_on="",
        unproved=False,
    )  # fmt: skip


def considered(of: AnalysisRequest, title: str, verdict: str = "no gain", speedup: float = 1.0) -> Considered:
    one = candidate(of, title)
    return Considered(rule=one.rule, title=one.title, verdict=verdict, reason="as measured", speedup=speedup)


def suggested(of: AnalysisRequest, title: str, saved_s_per_day: float, **more: Any) -> Suggestion:
    """A change, as `conclude` would tell it; `after` are titles."""
    one = candidate(of, title)
    texts = {shape.fingerprint: shape.statement for shape in of.workload}
    before = [candidate(of, name) for name in more.pop("after", [])]
    fields: dict[str, Any] = {
        "product": of.product, "database": of.database, "analysis_id": of.analysis_id, "cost": COST,
        "suggestion_id": identity(of, one), "rule": one.rule, "title": one.title, "gain": gain(saved_s_per_day),
        "statements": {name: texts[name] for name in one.affected}, "after": [identity(of, other) for other in before],
    }  # fmt: skip
    return suggestion(1, **fields | more)


def identity(of: AnalysisRequest, one: Candidate) -> str:
    return str(suggestion_id(of.product, of.database, one.actions))
