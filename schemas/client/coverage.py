"""How much of what the process runs the query log holds. Advice that something is unused depends on it.

Not seen are: what goes through ADBC or another language's client; other processes, such as DuckDB's command line;
functions that were imported by name (`from duckdb import execute`), or methods that were bound, before `instrument`
was called. The first and the last are looked for; they are found where a module or a class of it holds them.
Seen only in part: the rows of an Arrow reader, which are read outside of DuckDB's Python client.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType

_METHODS = frozenset({"method", "nb_bound_method"})


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of one product in this process, since `instrument`."""

    runs: int
    """In the log."""
    dropped: int
    connections: int
    """Whose opening was seen."""
    met: int
    """Connections that were open when they were first seen; what runs on them is captured like the others'."""
    unseen: tuple[str, ...]
    """Ways past the log that were found, as sentences."""

    @property
    def share(self) -> float:
        """Of the runs that were seen, those in the log."""
        seen = self.runs + self.dropped
        return self.runs / seen if seen else 1.0

    @property
    def full(self) -> bool:
        return self.dropped == 0 and not self.unseen


def ways_past(originals: Mapping[int, str]) -> Iterator[str]:
    """`originals` names the functions that were replaced, by id."""
    if "adbc_driver_duckdb" in sys.modules:
        yield "adbc_driver_duckdb is loaded: what runs through ADBC is not seen"
    for module_name, module in list(sys.modules.items()):
        if isinstance(module, ModuleType) and not module_name.startswith(("duckdb", "_duckdb", __package__)):
            for holder, attribute, value in _values(module):
                # nothing but methods is asked for an attribute: a module may hold what imports others when asked
                function = getattr(value, "__func__", None) if type(value).__name__ in _METHODS else value
                if (original := originals.get(id(function))) is not None:
                    yield f"{holder}.{attribute} is {original} from before `instrument` was called"


def _values(module: ModuleType) -> Iterator[tuple[str, str, object]]:
    for name, value in list(vars(module).items()):
        yield module.__name__, name, value
        if isinstance(value, type) and value.__module__ == module.__name__:
            for attribute, inner in list(vars(value).items()):
                yield f"{module.__name__}.{name}", attribute, inner
