"""Logs: one line an event, for people or as JSON, on standard error; the last step takes secrets out of every line.

Lines of libraries come through the same way. Those of Faust and aiokafka begin at a warning (their debug records
cost 9 % of the CPU) and are limited, since without a broker they write a hundred a second.
"""

import json
import logging
import sys
import time
from collections.abc import Iterable
from typing import TextIO
from urllib.parse import quote

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MASK = "********"
NOISY = ("aiokafka", "faust", "librdkafka", "mode", "uvicorn")
NOISY_LINES = 5
NOISY_PERIOD_S = 10.0

_hidden: set[str] = set()
_forms: list[str] = []


def hide(secret: str) -> None:
    """From here on no line holds the secret, nor as Python, JSON or a URL spells it."""
    if secret and secret not in _hidden:
        _hidden.add(secret)
        plain = {form for one in _hidden for form in (one, repr(one)[1:-1], repr(one.encode())[2:-1], quote(one))}
        spelled = plain | {json.dumps(form, ensure_ascii=False)[1:-1] for form in plain}
        _forms[:] = sorted(spelled, key=len, reverse=True)  # the longest first: one may hold another


def set_up(level: str, form: str, secrets: Iterable[str], out: TextIO = sys.stderr) -> None:
    """`level` and `form` are the settings log_level and log_format."""
    for secret in secrets:
        hide(secret)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderers: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
        if form == "json"
        else [structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback)]
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers, _redacted],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in NOISY:
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
    handler.addFilter(Limited(NOISY, NOISY_LINES, NOISY_PERIOD_S))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


class Limited(logging.Filter):
    """Of each place in the code of these loggers, lets so many lines a period through, and says how many it held."""

    def __init__(self, loggers: tuple[str, ...], lines: int, period_s: float) -> None:
        super().__init__()
        self._loggers = loggers
        self._lines = lines
        self._period_s = period_s
        self._seen: dict[tuple[str, int], tuple[float, int]] = {}  # place: start of its period, lines in it

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] not in self._loggers:
            return True
        place = (record.pathname, record.lineno)
        now = time.monotonic()
        start, count = self._seen.get(place, (now, 0))
        if now - start >= self._period_s:
            if (held := count - self._lines) > 0:
                record.msg = f"{record.msg} ({held} more lines like this were held back)"
            start, count = now, 0
        self._seen[place] = (start, count + 1)
        return count < self._lines


def _redacted(_: WrappedLogger, __: str, line: str | EventDict) -> str:
    text = str(line)
    for form in _forms:
        text = text.replace(form, MASK)
    return text
