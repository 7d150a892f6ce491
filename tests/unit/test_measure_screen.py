"""What a first look decides, with times that are given: no statement is run here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import pytest

from schemas.measure import screen as screening
from schemas.measure.counters import NONE
from schemas.measure.job import Exemplar
from schemas.measure.queries import Query, Side
from schemas.measure.screen import screen
from schemas.measure.timing import Run, Samples, add_round
from tests.jobs import known

BEFORE, AFTER = cast(Side, "before"), cast(Side, "after")


@dataclass
class Given:
    """Milliseconds by the clock of each side and query; processor time is the same, but where it is given."""

    before: Mapping[str, float]
    after: Mapping[str, float]
    after_cpu: Mapping[str, float] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    ran: list[tuple[str, str]] = field(default_factory=list)

    def timed(self, side: str, statement: str, limit_s: float) -> Run:
        name = statement.partition(" ")[0]
        self.ran.append((side, statement))
        wall = (self.before if side == "before" else self.after)[name]
        return Run(wall / 1000, (self.after_cpu.get(name, wall) if side == "after" else wall) / 1000)

    def work(self, side: str, statement: str, limit_s: float) -> object:
        self.ran.append((side, f"counted {statement}"))
        rows = self.rows.get(side, 1000)
        return NONE.__class__(rows, 0, 0, by_index=False)


class Named(Query):
    """A query whose statements are its name and the number of the exemplar."""

    def statements(self, side: Side) -> list[str]:
        return [f"{self.shape.statement} {number}" for number in range(len(self.exemplars))]


def query(name: str, *, runs: int = 1, run_ms: float = 10.0, exemplars: int = 1) -> Query:
    shape = known(f"SELECT {name} FROM t", runs)[0].model_copy(update={"statement": name, "fingerprint": name})
    return Named(shape, (Exemplar(literals=[]),) * exemplars, {}, (), "equal", run_ms / 1000)


def screened(monkeypatch: pytest.MonkeyPatch, given: Given, gaining: list[Query], *others: Query) -> screening.Screened:
    monkeypatch.setattr(screening, "timed", given.timed)
    monkeypatch.setattr(screening, "_work", given.work)
    return screen([*gaining, *others], gaining, BEFORE, AFTER, 1.0)


def test_a_clear_gain_needs_one_pair_and_one_run_to_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    given = Given({"a": 10}, {"a": 2})
    found = screened(monkeypatch, given, [query("a", runs=50)])
    assert given.ran == [("after", "a 0"), ("before", "a 0"), ("after", "a 0")]
    assert (found.verdict, round(found.saved_s, 6)) == (None, 0.4)
    assert found.reason == "5.00x by the clock and 5.00x in processor time at first sight"


def test_what_is_not_clear_is_run_again_with_the_next_exemplar(monkeypatch: pytest.MonkeyPatch) -> None:
    given = Given({"a": 10}, {"a": 8})
    found = screened(monkeypatch, given, [query("a", exemplars=3)])
    assert [text for _, text in given.ran] == ["a 0", "a 0", "a 0", "a 1", "a 1", "a 1"]
    assert (found.verdict, found.glances[0].pairs, round(found.saved_s, 6)) == (None, 2, 0.002)


def test_queries_that_should_not_gain_are_not_run_but_weigh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Halving one query of 10 ms is 1.05x beside others of 90 ms: not worth a full measurement."""
    given = Given({"a": 10}, {"a": 5})
    found = screened(monkeypatch, given, [query("a")], query("b", run_ms=90))
    assert {text for _, text in given.ran} == {"a 0", "counted a 0"}
    assert (found.verdict, found.reason) == (
        "no gain",
        "1.05x by the clock and 1.05x in processor time at first sight, 1.00x in rows scanned",
    )


def test_the_heaviest_comes_first_and_what_cannot_matter_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    given = Given({"light": 1, "heavy": 100}, {"light": 0.1, "heavy": 100})
    found = screened(monkeypatch, given, [query("light", run_ms=1), query("heavy", run_ms=100)])
    assert [glance.query.fingerprint for glance in found.glances] == ["heavy"]
    assert found.verdict == "no gain"


def test_less_work_survives_where_the_clock_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    given = Given({"a": 10}, {"a": 10}, rows={"before": 1000, "after": 500})
    assert screened(monkeypatch, given, [query("a")]).verdict is None


def test_less_processor_time_survives_on_a_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    given = Given({"a": 10}, {"a": 12}, after_cpu={"a": 5})
    assert screened(monkeypatch, given, [query("a")]).verdict is None


def test_a_loss_is_told_as_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    given = Given({"a": 10}, {"a": 20})
    found = screened(monkeypatch, given, [query("a", runs=10)])
    assert (found.verdict, round(found.saved_s, 6), found.glances[0].pairs) == ("harm", -0.1, 2)


def test_a_smaller_loss_is_no_gain(monkeypatch: pytest.MonkeyPatch) -> None:
    assert screened(monkeypatch, Given({"a": 10}, {"a": 15}), [query("a")]).verdict == "no gain"


def test_rounds_take_the_exemplars_in_turn_and_start_at_another_place_with_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = Given({"a": 10}, {"a": 5})
    monkeypatch.setattr("schemas.measure.timing.timed", given.timed)
    samples: dict[str, Samples] = {}
    for _ in range(9):
        add_round(samples, [query("a", exemplars=3)], BEFORE, AFTER, 1.0)
    rounds = [given.ran[start : start + 3] for start in range(0, 27, 3)]
    assert [{text for _, text in one} for one in rounds] == [{"a 0"}, {"a 1"}, {"a 2"}] * 3
    places = {text: [one.index(("after", text)) for one in rounds if one[0][1] == text] for text in ("a 0", "a 1")}
    assert places == {"a 0": [2, 1, 0], "a 1": [1, 0, 2]}
    assert len(samples["a"].after) == 9
