"""The versions of DuckDB that the client was tested with, by minor: it stands aside on others."""

import re

import duckdb

TESTED = ((1, 2), (1, 3), (1, 4), (1, 5), (2, 0))


def minor_of(version: str) -> tuple[int, int]:
    """(0, 0) for what is no version, such as a build of one's own."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (0, 0)


VERSION = minor_of(duckdb.__version__)
