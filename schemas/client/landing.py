"""How a change of one of the product's databases is landed: in place by this process, or as code by its people."""

from ..operate.place import hindrance
from .catalog import Place
from .settings import ClientSettings


def only_as_code(place: Place, settings: ClientSettings, instances: int, *, in_place: bool) -> str:
    """Why as code; empty where this process carries changes out. `in_place` says that it has the database open."""
    if not in_place:
        return "the product itself has it, and what stands beside it reads a copy"
    if settings.dbt_project is not None:
        return "dbt makes its tables, and would make them anew as they were"
    if problem := hindrance(place):
        return problem
    if instances > 1:
        return f"{instances} processes of the product have one of this name, each its own"
    if settings.operation_keys is None:
        return "the product takes no orders: set DUCKDB_SIDECAR_OPERATION_KEYS for that"
    return ""
