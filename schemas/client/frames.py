"""Calling DuckDB as if the caller had called it.

DuckDB resolves `SELECT ... FROM df` in the variables of the Python frame that calls it, and a wrapper is such a
frame. So the call is evaluated in the caller's globals and in a mapping that shows the caller's locals when
DuckDB asks for them, and not before: asking makes Python keep every local alive until the function returns.
The evaluated code carries the caller's file and line, so that DuckDB's messages and warnings name them.
"""

import sys
from collections.abc import Callable, KeysView, Mapping
from types import CodeType, FrameType, TracebackType
from typing import Any, cast

_CALL = "__duckdb_sidecar_call__"
_CODE = compile(f"{_CALL}()", "<duckdb_sidecar>", "eval")
_SITES = 4096
_sites: dict[tuple[str, int], CodeType] = {}


class _CallerNames:
    __slots__ = ("_call", "_frame", "_names")

    def __init__(self, call: Callable[[], Any], frame: FrameType) -> None:
        self._call = call
        self._frame = frame

    def __getitem__(self, name: str) -> Any:
        return self._call if name == _CALL else self._names[name]

    def keys(self) -> KeysView[str]:
        self._names = self._frame.f_locals
        return self._names.keys()


def _code_at(frame: FrameType) -> CodeType:
    file, line = frame.f_code.co_filename, frame.f_lineno or 1
    if (code := _sites.get((file, line))) is None:
        if len(_sites) >= _SITES:
            _sites.clear()
        code = _sites[file, line] = _CODE.replace(co_filename=file, co_firstlineno=line)
    return code


def caller(depth: int) -> FrameType | None:
    """The frame `depth` above the one that asks, None where a thread of C calls and there is none."""
    try:
        return sys._getframe(depth + 1)
    except ValueError:
        return None


def beneath(traceback: TracebackType | None) -> TracebackType | None:
    """The part of a traceback below our own frames: without them it is what the caller would see without us."""
    while traceback is not None:
        frame = traceback.tb_frame
        ours = frame.f_code.co_names == (_CALL,) or frame.f_globals.get("__package__") == __package__
        if not ours:
            break
        traceback = traceback.tb_next
    return traceback


def call_as(frame: FrameType | None, call: Callable[[], Any]) -> Any:
    if frame is None:
        return call()
    names = cast(Mapping[str, object], _CallerNames(call, frame))
    return eval(_code_at(frame), frame.f_globals, names)  # noqa: S307 - our own constant code
