from schemas.client.sink import Event, Statement
from schemas.client.slowness import Slowness


def run(slowness: Slowness, shape: str, latencies_us: list[int]) -> None:
    for latency in latencies_us:
        slowness.add(Event(Statement(shape, "SELECT 1", "select"), 0, latency, 1, None, None, None))


def settled() -> Slowness:
    slowness = Slowness()
    run(slowness, "quick", [100] * 50)
    run(slowness, "long", [100_000] * 50)
    return slowness


def test_another_mix_of_queries_is_no_slowness() -> None:
    slowness = settled()
    slowness.watch()
    run(slowness, "long", [100_000] * 40)
    assert slowness.ratio == 1.0


def test_the_same_queries_taking_longer_is() -> None:
    slowness = settled()
    slowness.watch()
    run(slowness, "quick", [250] * 20)
    run(slowness, "long", [250_000] * 20)
    assert slowness.ratio == 2.5


def test_a_slower_tail_counts_as_well() -> None:
    slowness = settled()
    slowness.watch()
    run(slowness, "quick", [100] * 40 + [900] * 10)
    assert slowness.ratio == 9.0


def test_few_runs_say_nothing() -> None:
    slowness = settled()
    slowness.watch()
    run(slowness, "quick", [10_000] * 31)
    assert slowness.ratio == 1.0


def test_what_was_slow_while_watched_is_not_taken_for_usual() -> None:
    slowness = settled()
    slowness.watch()
    run(slowness, "quick", [10_000] * 100)
    slowness.unwatch()
    slowness.watch()
    run(slowness, "quick", [100] * 40)
    assert slowness.ratio == 1.0


def test_a_shape_that_is_new_has_no_usual_latency() -> None:
    slowness = settled()
    slowness.watch()
    run(slowness, "new", [10**9] * 100)
    assert slowness.ratio == 1.0
