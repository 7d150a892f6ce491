"""The settings as people read them, each with where its value comes from."""

import json
import os
from dataclasses import dataclass

from pydantic import SecretStr

from streams.log import MASK
from streams.settings import PREFIX, Settings, used_file


@dataclass(frozen=True, slots=True)
class Listed:
    """A setting as people read it: a secret's value is masked; `source` is default, environment or a file."""

    name: str
    variable: str
    value: str
    source: str
    unit: str
    help: str


def listed(settings: Settings) -> list[Listed]:
    """Every setting in the order of the class, with its value and where that comes from."""
    environment = {name.upper() for name, value in os.environ.items() if value}
    result = []
    for name, field in Settings.model_fields.items():
        variable = PREFIX + name.upper()
        if variable in environment:
            source = "environment"
        elif name in settings.model_fields_set:
            source = str(used_file())
        else:
            source = "default"
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            value = MASK if value.get_secret_value() else ""
        extra = field.json_schema_extra
        unit = str(extra.get("unit", "")) if isinstance(extra, dict) else ""
        result.append(Listed(name, variable, _text(value), source, unit, field.description or ""))
    return result


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case list():
            return json.dumps([one.model_dump(mode="json") for one in value]) if value else ""
    return str(value)
