"""Which signals end a command that puts away what it made."""

import os
import signal
from collections.abc import Iterator
from threading import Event

import pytest

from streams.ending import ended_by_signals

NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in NUMBERS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", NUMBERS)
def test_each_of_them_ends_it_and_sets_stop(number: signal.Signals) -> None:
    signal.signal(number, lambda *_: pytest.fail("the handler before it was called"))
    stop = Event()
    with pytest.raises(KeyboardInterrupt), ended_by_signals(stop):
        os.kill(os.getpid(), number)
    assert stop.is_set()


def test_under_nohup_the_end_of_the_terminal_does_not_end_it() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    stop = Event()
    with ended_by_signals(stop):
        os.kill(os.getpid(), signal.SIGHUP)
    assert not stop.is_set()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
