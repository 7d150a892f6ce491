"""What an order of trying brings for a budget: a replay of measured times, by the product's own steps.

A candidate is looked at, and what survives is measured in full, as `schemas.measure.run` does it: with the seconds that
the labels say that building and running took, and its rules for what goes on, what is passed over and what is a gain.
Three things are simpler than there. Two changes together were never measured: a query is taken to be as fast as the
best of them alone makes it, and what slows it down multiplies. Work is not counted at the first look, so that what only
the counters show ends there. And running every query once, before the first look, is free, since all orders have to.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from schemas.actions import Rewrite
from schemas.measure.job import Exemplar
from schemas.measure.order import FIXED_S, Survivor, measuring_s, most_promising_first, screening_s, to_measure
from schemas.measure.plan import Plan
from schemas.measure.queries import READ, Query
from schemas.measure.run import SCREENING
from schemas.measure.screen import CLEAR, PAIRS, Glance, Screened, concluded
from schemas.measure.statistics import UNCHANGED, Interval
from schemas.measure.timing import ROUNDS_LEAST, Run
from schemas.measure.verdict import GAIN, LEAST_GAIN, NO_GAIN, Total, judge
from schemas.records import AnalysisRequest, Candidate

from .analysis import DAYS
from .dataset import Tried
from .labelled import Pair
from .queries import EXEMPLARS

Shares = dict[str, float]
"""Time after / before, of queries by fingerprint."""


@dataclass(frozen=True, slots=True)
class Try:
    """A candidate of a list, and what trying it takes and brings.

    `guess_s` is what the product takes the first look to take, and `look_s` what it does take. `found` is None for what
    ends with the first look. A refused one costs a full measurement's comparison of results, and brings nothing.
    """

    domain: str
    plan: Plan
    guess_s: float
    look_s: float
    found: Screened | None
    build_s: float
    refused: bool
    reads: tuple[Query, ...]
    writes_s: Mapping[str, float]
    """Seconds a day of the writes that it affects, before it."""
    shares: Shares
    before_s: Mapping[str, float]
    """Of a run of each query that it affects; `shares` say what is left of it after."""

    @property
    def promised_s(self) -> float:
        one = self.plan.candidate
        return one.promised_s * one.prior * one.likely

    @property
    def survivor(self) -> Survivor | None:
        if self.found is None:
            return None
        return Survivor(self.plan, self.found, self.build_s, measuring_s(self.reads, self.found, self.build_s, {}))

    def with_likely(self, likely: float) -> "Try":
        candidate = self.plan.candidate.model_copy(update={"likely": likely})
        return replace(self, plan=replace(self.plan, candidate=candidate))

    def full_s(self, now: Shares) -> float:
        """With the fewest rounds, on top of what was accepted."""
        total_s = FIXED_S + self.build_s
        for query in self.reads:
            before_s = self.before_s[query.fingerprint] * now.get(query.fingerprint, 1.0)
            after_s = self.before_s[query.fingerprint] * self.after(query.fingerprint, now)
            total_s += len(query.exemplars) * (before_s + after_s)
            total_s += 0.0 if self.refused else ROUNDS_LEAST * (2 * before_s + after_s)
        return total_s

    def after(self, fingerprint: str, now: Shares) -> float:
        """The share of a query's time once this is there too."""
        share, before = self.shares[fingerprint], now.get(fingerprint, 1.0)
        return before * share if share > 1 else min(before, share)

    def gain_s(self, now: Shares) -> float:
        """Seconds a day that are verified to be saved on top of what was accepted; 0 for what is not accepted."""
        if self.refused:
            return 0.0
        before_s = after_s = runs = saved_s = 0.0
        for query in self.reads:
            was, is_ = now.get(query.fingerprint, 1.0), self.after(query.fingerprint, now)
            run_s = query.weight * query.run_s
            before_s, after_s = before_s + run_s * was, after_s + run_s * is_
            if was / is_ >= LEAST_GAIN:
                runs, saved_s = runs + query.weight, saved_s + run_s * (was - is_)
        ratio = before_s / after_s if after_s else 1.0
        total = Total(Interval(ratio, ratio, ratio), UNCHANGED, before_s, after_s)
        verdict, _ = judge(total, saved_s / runs if runs else 0.0)
        if verdict != GAIN and not (self.plan.only_drops and verdict == NO_GAIN):
            return 0.0
        lost_s = sum(day_s * (self.after(one, now) - now.get(one, 1.0)) for one, day_s in self.writes_s.items())
        return max(0.0, (before_s - after_s) / DAYS - lost_s)


def try_of(domain: str, number: int, candidate: Candidate, request: AnalysisRequest, tried: Tried) -> Try:
    """`number` keeps the queries of a list apart from those of others that are put together with it."""
    plan = _apart(number, Plan.of(candidate))
    rows = {(table.schema_name, table.name): table.rows for table in request.catalog.tables}
    shapes = {shape.fingerprint: shape for shape in request.workload}
    named = {_name(number, one): (shapes[one], tried.pairs.get(one)) for one in candidate.affected}
    queries = {
        name: Query(
            shape.model_copy(update={"fingerprint": name}),
            (Exemplar(literals=[]),) * EXEMPLARS,
            {},
            (),
            "equal",
            shape.p50_us / 1e6,
        )
        for name, (shape, _) in named.items()
        if shape.kind == READ
    }
    gaining = [queries[one] for one in plan.candidate.gaining or plan.candidate.affected if one in queries]
    pairs = {name: pair for name, (_, pair) in named.items() if pair}
    nothing_to_look_at = not gaining and not plan.only_drops
    found, look_s = None, 0.0 if nothing_to_look_at else FIXED_S + tried.change.build_s
    if not tried.problem and not nothing_to_look_at:
        found, ran_s = _first_look(plan, list(queries.values()), gaining, pairs)
        look_s += ran_s
    return Try(
        domain=domain,
        plan=plan,
        guess_s=screening_s(plan, gaining, rows),
        look_s=look_s,
        found=found,
        build_s=tried.change.build_s,
        refused=bool(tried.unequal),
        reads=tuple(queries.values()),
        writes_s={name: shape.total_us / 1e6 / DAYS for name, (shape, _) in named.items() if shape.kind != READ},
        shares={name: 1 - pair.saved for name, pair in pairs.items()},
        before_s={name: pair.before_ms / 1e3 for name, pair in pairs.items()},
    )


def _first_look(
    plan: Plan, affected: Sequence[Query], gaining: Sequence[Query], pairs: Mapping[str, Pair]
) -> tuple[Screened | None, float]:
    """None where it ends there; and the seconds of its runs."""
    ran_s = 0.0

    def look(query: Query) -> Glance:
        nonlocal ran_s
        pair = pairs[query.fingerprint]
        times = 1 if pair.glance >= CLEAR else PAIRS
        before_s, after_s = times * pair.before_ms / 1e3, times * pair.before_ms / 1e3 / pair.glance
        ran_s += before_s + 2 * after_s  # each after is run once unmeasured
        return Glance(query, Run(before_s, before_s), Run(after_s, after_s), times)

    def count(glances: Sequence[Glance]) -> float:
        nonlocal ran_s
        ran_s += sum((one.before.wall + one.after.wall) / one.pairs for one in glances)
        return 1.0

    found = concluded(affected, gaining, look, count)
    survives = found.verdict is None or (plan.only_drops and found.verdict == NO_GAIN)
    return found if survives else None, ran_s


def _apart(number: int, plan: Plan) -> Plan:
    one = plan.candidate
    names = {
        "candidate_id": _name(number, one.candidate_id),
        "affected": [_name(number, each) for each in one.affected],
        "gaining": [_name(number, each) for each in one.gaining],
    }
    bodies = tuple(
        body.model_copy(update={"fingerprint": _name(number, body.fingerprint)}) if isinstance(body, Rewrite) else body
        for body in plan.bodies
    )
    return Plan(one.model_copy(update=names), bodies)


def _name(number: int, name: str) -> str:
    return f"{number}:{name}"


Tries = Sequence[Try]


@dataclass(frozen=True, slots=True)
class Order:
    """`first` puts what is to be looked at in order, of which the budget has room for so many, and `then` what
    survived it, in the order in which it was looked at.
    """

    first: Callable[[Tries, int], Tries]
    then: Callable[[Tries], Tries]


@dataclass(slots=True)
class Brought:
    """Seconds a day that are verified to be saved, by domain, and the seconds that were spent on it."""

    saved_s: dict[str, float] = field(default_factory=dict)
    spent_s: float = 0.0


def replay(tries: Tries, order: Order, budget_s: float, room: int) -> Brought:
    """What would take more than what is left of its part of the budget is passed over, not begun."""
    brought, survivors = Brought(), []
    for one in order.first(tries, room):
        if one.guess_s > SCREENING * budget_s - brought.spent_s:
            continue
        brought.spent_s += one.look_s
        if one.found:
            survivors.append(one)
    now: Shares = {}
    answers: dict[str, float] = {}
    for one in order.then(survivors):
        survivor = one.survivor
        if survivor is None or survivor.superseded_by(answers):
            continue
        runs_s = {query.fingerprint: query.run_s * now.get(query.fingerprint, 1.0) for query in one.reads}
        if measuring_s(one.reads, survivor.found, one.build_s, runs_s) > budget_s - brought.spent_s:
            continue
        brought.spent_s += one.full_s(now)
        if gain_s := one.gain_s(now):
            brought.saved_s[one.domain] = brought.saved_s.get(one.domain, 0.0) + gain_s
            now |= {fingerprint: one.after(fingerprint, now) for fingerprint in one.shares}
            answers |= survivor.answers
    return brought


def cost_of_all_s(tries: Tries) -> float:
    """To look at all of them, and to measure all that survive, one by one."""
    return sum(one.look_s + (one.full_s({}) if one.found else 0.0) for one in tries)


def promised(tries: Tries, room: int) -> Tries:
    """As the product has it: cut by what is promised, then by that for each second of the first look."""
    chosen = sorted(tries, key=lambda one: one.promised_s, reverse=True)[:room]
    places = {id(one.plan): one for one in chosen}
    return [places[id(plan)] for plan, _ in most_promising_first((one.plan, one.guess_s) for one in chosen)]


def looked(survivors: Tries) -> Tries:
    """As the product has it: by what the first look says they save, and as likely as it is, for each second."""
    places = {id(one.plan): one for one in survivors}
    return [places[id(one.plan)] for one in to_measure([each.survivor for each in survivors if each.survivor])]


def known(tries: Tries, room: int = 0) -> Tries:  # noqa: ARG001
    """By what each alone was measured to bring for each second: nobody knows that before."""
    return sorted(tries, key=_worth, reverse=True)


def _worth(one: Try) -> float:
    return one.gain_s({}) / (one.look_s + one.full_s({})) if one.found else 0.0
