"""What `sidecar apply` waits for: an order, and the end of what it is at work on."""

from collections.abc import Iterator
from typing import Any

import pytest

from streams import closed_file
from streams.web.resources import OperationShown, OutcomeShown
from tests.store_records import NOON

OUTCOME = OutcomeShown(reason="", began=NOON, seconds=1, waiting=0, waited_ms=0)
SENT = OperationShown(
    operation_id="a", product="sales", database="main", instance="ours", kind="apply", suggestion_id="s", revision=1,
    first=0, last=1, time=NOON, deadline=NOON, requested_by="bob", state="sent", reason="", outcome=None, verdict=None,
)  # fmt: skip
ENDED = SENT.model_copy(update={"state": "done", "outcome": OUTCOME})


class Clock:
    """Which the waiting alone turns on; and what the control process shows from which second on."""

    def __init__(self, *shown: tuple[float, OperationShown]) -> None:
        self.now = 0.0
        self._shown = shown

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def operations(self, _: str) -> Iterator[OperationShown]:
        came = {one.operation_id: one for since, one in self._shown if since <= self.now}
        yield from came.values()


ELSEWHERE = {"instance": "another"}


@pytest.mark.parametrize(
    ("shown", "ended", "until"),
    [
        ([], [], closed_file.FIRST_S),
        ([(29, ENDED)], [ENDED], 29 + closed_file.NEXT_S),
        ([(29, SENT), (90, ENDED)], [ENDED], 90 + closed_file.NEXT_S),
        ([(29, SENT.model_copy(update=ELSEWHERE))], [], closed_file.FIRST_S),
        ([(29, ENDED.model_copy(update=ELSEWHERE))], [], closed_file.FIRST_S),
    ],
    ids=["nothing came", "done at once", "at work for long", "at work elsewhere", "done elsewhere"],
)
def test_what_is_at_work_here_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
    shown: list[tuple[float, OperationShown]],
    ended: list[OperationShown],
    until: float,
) -> None:
    clock: Any = Clock(*shown)
    monkeypatch.setattr(closed_file, "time", clock)
    assert list(closed_file._ended(clock, "sales", "ours")) == ended
    assert clock.now == until
