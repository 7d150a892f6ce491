import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from streams import log

CANARY = "canary-0c6f\"with'quotes\\and\nlines"


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(log, "_hidden", set())
    monkeypatch.setattr(log, "_forms", [])
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_line_holds_a_secret_however_it_gets_there(form: str) -> None:
    out = io.StringIO()
    log.set_up("debug", form, [CANARY], out)
    ours = structlog.get_logger("ours")
    ours.info(f"in the event {CANARY}")
    ours.info("as a value", value=CANARY, nested={"deep": [CANARY]}, raw=CANARY.encode())
    logging.getLogger("library").warning("of a library: %s", CANARY)
    try:
        raise ValueError(CANARY)
    except ValueError:
        ours.exception("as an exception")
        logging.getLogger("library").exception("as a library's exception")
    lines = out.getvalue()
    for spelled in (CANARY, json.dumps(CANARY)[1:-1], repr(CANARY)[1:-1], json.dumps(repr(CANARY))[1:-1]):
        assert spelled not in lines
    assert "canary-0c6f" not in lines
    assert lines.count(log.MASK) >= 7


def test_a_secret_that_is_learned_later_is_hidden_from_then_on() -> None:
    out = io.StringIO()
    log.set_up("info", "console", [], out)
    log.hide("token-123")
    structlog.get_logger().info("token-123")
    assert "token-123" not in out.getvalue()


def test_a_json_line_is_json_with_level_logger_and_time() -> None:
    out = io.StringIO()
    log.set_up("info", "json", [], out)
    logging.getLogger("library").warning("of %s", "it")
    line = json.loads(out.getvalue())
    assert (line["event"], line["level"], line["logger"]) == ("of it", "warning", "library")
    assert line["timestamp"].endswith("Z")


def test_a_level_leaves_out_what_is_below() -> None:
    out = io.StringIO()
    log.set_up("warning", "console", [], out)
    structlog.get_logger("ours").info("quiet")
    structlog.get_logger("ours").warning("loud")
    assert "quiet" not in out.getvalue()
    assert "loud" in out.getvalue()


def test_a_noisy_library_is_held_back_and_the_count_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(log.time, "monotonic", lambda: now)
    out = io.StringIO()
    log.set_up("info", "console", [], out)

    def complain() -> None:
        logging.getLogger("aiokafka.client").error("no broker")

    for _ in range(100):
        complain()
    assert len(out.getvalue().splitlines()) == log.NOISY_LINES
    now += log.NOISY_PERIOD_S
    complain()
    assert f"no broker ({100 - log.NOISY_LINES} more lines like this were held back)" in out.getvalue()


def test_debug_records_of_faust_are_not_even_built() -> None:
    log.set_up("debug", "console", [], io.StringIO())
    assert not logging.getLogger("faust.streams").isEnabledFor(logging.DEBUG)
    assert not logging.getLogger("aiokafka").isEnabledFor(logging.INFO)
