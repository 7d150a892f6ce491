"""A function of ours in the place of one of DuckDB's.

DuckDB resolves `SELECT ... FROM df` in the variables of the Python frame that calls it, and a wrapper is such a
frame. Since 2.0 DuckDB passes over the frames of its own Python layer, so there a wrapper is made part of that.
Elsewhere the call is evaluated in the caller's globals and in a mapping that shows the caller's locals when DuckDB
asks for them and not before: asking makes Python keep every local alive until the function returns. The evaluated
code carries the caller's file and line, which DuckDB's messages and warnings name.

In a traceback a wrapper leaves no trace.
"""

import builtins
import logging
import sys
from collections.abc import Callable, KeysView, Mapping
from dataclasses import dataclass
from functools import cache, partial, wraps
from types import CodeType, FrameType, FunctionType, TracebackType
from typing import Any, cast

import duckdb

Function = Callable[..., Any]
Around = Callable[[Function], Function]
"""Makes the wrapper of a function. All that it names must be its own, since it may be moved to another module."""
Args = tuple[Any, ...]
Kwargs = dict[str, Any]

logger = logging.getLogger("duckdb_sidecar")


@dataclass(frozen=True, slots=True)
class Hooks:
    """What is done around a call. What a hook raises is told once and goes no further.

    `before` is given the call's arguments, of which the first is the connection or relation. What it returns goes
    to `after`, with the call's result, or to `failed`, with its exception; for None neither is called.
    """

    before: Callable[[Args, Kwargs], Any]
    after: Callable[[Any, Any], None]
    failed: Callable[[Any, BaseException], None]

    def around(self, original: Function) -> Function:
        before, after, failed, spare, below = self.before, self.after, self.failed, spared, below_ours

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            try:
                call = before(args, kwargs)
            except Exception as fault:  # noqa: BLE001 - the product's call goes on whatever breaks in ours
                call = spare(fault)
            try:
                result = original(*args, **kwargs)
            except BaseException as error:
                if call is not None:
                    try:
                        failed(call, error)
                    except Exception as fault:  # noqa: BLE001
                        spare(fault)
                error.__traceback__ = below(error.__traceback__)
                raise
            if call is not None:
                try:
                    after(call, result)
                except Exception as fault:  # noqa: BLE001
                    spare(fault)
            return result

        return wrapper


def argument(args: Args, kwargs: Kwargs, position: int, name: str) -> Any:
    return args[position] if len(args) > position else kwargs.get(name)


def wrapped(original: Function, around: Around, *, reads_names: bool) -> Function:
    """`reads_names`: the call looks up names in the caller's variables, or may warn."""
    if _own_layer_is_passed_over():
        wrapper = _in_own_layer(around(original))
    else:
        wrapper = around(_as_caller(original) if reads_names else original)
    _ours.add(id(cast(FunctionType, wrapper).__code__))
    return wraps(original)(wrapper)


def spared(fault: Exception) -> None:
    _tell(type(fault).__name__)


@cache
def _tell(kind: str) -> None:
    logger.warning("a run was not captured (told once for %s)", kind, exc_info=True)


def _in_own_layer(wrapper: Any) -> Function:
    names = {"__name__": "duckdb._relation", "__builtins__": builtins}
    return FunctionType(wrapper.__code__, names, wrapper.__name__, wrapper.__defaults__, wrapper.__closure__)


@cache
def _own_layer_is_passed_over() -> bool:
    """Tried, since it is DuckDB's own affair."""
    connection = duckdb.connect(":memory:", config={"threads": 1})
    nothing = Hooks(lambda _args, _kwargs: None, lambda _call, _result: None, lambda _call, _error: None)
    execute = _in_own_layer(nothing.around(duckdb.DuckDBPyConnection.execute))
    variable = connection.sql("SELECT 42")  # noqa: F841 - DuckDB finds it by its name
    try:
        return bool(execute(connection, "FROM variable").fetchall() == [(42,)])
    except duckdb.Error:
        return False
    finally:
        connection.close()


_CALL = "__duckdb_sidecar_call__"
_CODE = compile(f"{_CALL}()", "<duckdb_sidecar>", "eval")
_SITES = 4096
_sites: dict[tuple[int, int], tuple[CodeType, CodeType]] = {}


class _CallerNames:
    """A mapping whose keys are the caller's locals, and which has the call beside them for the evaluated code."""

    __slots__ = ("call", "frame", "names")
    call: Callable[[], Any]
    frame: FrameType
    names: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.call if name == _CALL else self.names[name]

    def keys(self) -> KeysView[str]:
        self.names = self.frame.f_locals
        return self.names.keys()


def _as_caller(original: Function) -> Function:
    def perform(*args: Any, **kwargs: Any) -> Any:
        try:
            frame = sys._getframe(2)
        except ValueError:  # a thread of C calls
            return original(*args, **kwargs)
        names: Any = _CallerNames()
        names.frame = frame
        names.call = partial(original, *args, **kwargs)
        return eval(_code_at(frame), frame.f_globals, names)  # noqa: S307 - our own constant code

    _ours.add(id(perform.__code__))
    return perform


def _code_at(frame: FrameType) -> CodeType:
    calling = frame.f_code
    site = id(calling), frame.f_lasti
    known = _sites.get(site)
    if known is not None and known[0] is calling:
        return known[1]
    if len(_sites) >= _SITES:
        _sites.clear()
    code = _CODE.replace(co_filename=calling.co_filename, co_firstlineno=frame.f_lineno or 1)
    _sites[site] = calling, code
    return code


_ours: set[int] = set()


def below_ours(traceback: TracebackType | None) -> TracebackType | None:
    """The part of a traceback below our frames, which is what the caller would see without us."""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if id(code) not in _ours and code.co_names != _CODE.co_names:
            break
        traceback = traceback.tb_next
    return traceback
