"""The contract between a data product and the sidecar, and the client that a product imports as `duckdb_sidecar`.

The client's functions are loaded when they are first used, so that importing the contract stays cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client.instrument import coverage, flush, instrument, uninstrument
    from .client.route import route

__all__ = ["coverage", "flush", "instrument", "route", "uninstrument"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "route" if name == "route" else "instrument"
    return getattr(import_module(f".client.{module}", __name__), name)
