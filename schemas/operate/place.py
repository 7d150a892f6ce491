"""Whether a database may be changed in place, here and now."""

import os
import shutil
from typing import TYPE_CHECKING

from ..client.catalog import Place
from ..client.versions import VERSION

if TYPE_CHECKING:
    from ..orders import Order  # it needs PyJWT, an extra, and a catalog is told without it

FENCES = (2, 0)
"""The first version of DuckDB of which `transaction` keeps what others write."""


def hindrance(place: Place) -> str | None:
    """Why nothing can be changed in it, None where something can."""
    if VERSION < FENCES:
        return f"DuckDB {VERSION[0]}.{VERSION[1]} loses what others write meanwhile: land it as code, or use 2.0"
    if place.type != "duckdb":
        return f"the database is of type {place.type}, and only DuckDB's own can be changed in place"
    if place.read_only:
        return "the product has it open to read alone: land it as code"
    if place.file is not None and not is_open_here(place.file):
        return "the file was replaced on disk: what is open is another one, so a change would be lost. Open it anew"
    return None


def objection(place: Place, order: "Order", salt: bytes) -> str | None:
    """Why an order cannot be carried out on it, None where it can."""
    if problem := hindrance(place):
        return problem
    if place.file is not None and place.file_id(salt) != order.file_id:
        return "it is another file than the one that was planned for: the next analysis plans for this one"
    return None


def lack_of_room(place: Place, order: "Order", free_bytes: int) -> str | None:
    """What is to be made free for it, None where nothing is."""
    if place.file is None:
        return None
    peak = max(step.limits.peak_bytes for step in order.meant)
    free = shutil.disk_usage(os.path.dirname(place.file)).free
    if free - peak < free_bytes:
        return (
            f"it may need {peak:,} bytes and {free:,} are free, of which {free_bytes:,} have to stay so "
            "(`operate_free_bytes`): make room"
        )
    return None


def is_open_here(path: str) -> bool:
    """Whether the file that has this name now is one that this process has open."""
    try:
        there = os.stat(path)
    except OSError:
        return False
    for name in os.listdir("/dev/fd"):
        try:
            one = os.fstat(int(name))
        except OSError:
            continue  # the listing's own, which is closed again
        if (one.st_dev, one.st_ino) == (there.st_dev, there.st_ino):
            return True
    return False
