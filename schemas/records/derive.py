"""The Avro schema of a model. The committed `.avsc` files must equal it: `python -m schemas.records.derive`."""

import json
import re
import types
import typing
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from . import RECORDS
from .base import NAMESPACE, Part, Record

FOLDER = Path(__file__).parent
PRIMITIVES: dict[type, object] = {
    str: "string",
    int: "long",
    float: "double",
    bool: "boolean",
    bytes: "bytes",
    datetime: {"type": "long", "logicalType": "timestamp-micros"},
}


def path_of(model: type[Record]) -> Path:
    return FOLDER / (re.sub(r"(?<!^)(?=[A-Z])", "_", model.__name__).lower() + ".avsc")


def avro_schema(model: type[Part], named: set[str] | None = None) -> object:
    """The schema as JSON values; a nested record is spelled out where it first occurs, then named."""
    named = set() if named is None else named
    full_name = f"{NAMESPACE}.{model.__name__}"
    if full_name in named:
        return full_name
    named.add(full_name)
    return {
        "type": "record",
        "name": model.__name__,
        "namespace": NAMESPACE,
        "doc": " ".join((model.__doc__ or "").split()),
        "fields": list(_fields(model, named)),
    }


def _fields(model: type[Part], named: set[str]) -> Iterator[dict[str, object]]:
    for name, field in model.model_fields.items():
        avro: dict[str, object] = {"name": name, "type": _type(field.annotation, named)}
        if not field.is_required():
            avro["default"] = field.get_default(call_default_factory=True)
        yield avro


def _type(annotation: object, named: set[str]) -> object:
    if isinstance(annotation, type) and not typing.get_origin(annotation):
        return PRIMITIVES[annotation] if annotation in PRIMITIVES else avro_schema(annotation, named)
    arguments = typing.get_args(annotation)
    match typing.get_origin(annotation):
        case types.UnionType if type(None) in arguments:
            return ["null", _type(arguments[0], named)]
        case origin if origin is list:
            return {"type": "array", "items": _type(arguments[0], named)}
        case origin if origin is dict:
            return {"type": "map", "values": _type(arguments[1], named)}
    raise TypeError(f"no Avro type for {annotation!r}")


if __name__ == "__main__":
    for record in RECORDS:
        path_of(record).write_text(json.dumps(avro_schema(record), indent=2, ensure_ascii=False) + "\n")
