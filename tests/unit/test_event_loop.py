"""The event loop tells how late it was, and whether that was its own doing."""

import asyncio
import time
from collections.abc import Callable

from prometheus_client import Histogram

from streams import metrics

LONG_S = 0.15


def work() -> None:
    begun = time.thread_time()
    while time.thread_time() - begun < LONG_S:
        pass


def wait() -> None:
    """As where others have the processors: without taking time of one."""
    time.sleep(LONG_S)


def over(histogram: Histogram) -> float:
    values = {one.labels.get("le"): one.value for one in histogram.collect()[0].samples if "le" in one.labels}
    return values["+Inf"] - values["0.1"]


async def late_and_busy(blocking: Callable[[], None]) -> tuple[float, float]:
    before = over(metrics.LOOP_STALL_SECONDS), over(metrics.LOOP_BUSY_SECONDS)
    watching = asyncio.create_task(metrics.watch_event_loop())
    await asyncio.sleep(0)
    blocking()
    await asyncio.sleep(2 * metrics.TICK_S)
    watching.cancel()
    return over(metrics.LOOP_STALL_SECONDS) - before[0], over(metrics.LOOP_BUSY_SECONDS) - before[1]


def test_a_loop_that_works_is_late_and_busy_and_one_that_waits_is_late_alone() -> None:
    late, busy = asyncio.run(late_and_busy(work))
    assert (late >= 1, busy) == (True, 1)
    late, busy = asyncio.run(late_and_busy(wait))
    assert (late >= 1, busy) == (True, 0)
