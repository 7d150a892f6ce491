"""The part of JSON Schema that a form may use, and whether a value fits it. Every value is enumerated or bounded; text
is free only in a property named `explanation`.

Kept small on purpose: what checks the answers of models that are not trusted has to be seen to be right.
"""

from typing import Any

FREE = "explanation"
LONGEST = 2_000
MOST = 100
"""Items of an array."""
KEYWORDS = {
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "minItems", "maxItems"},
    "integer": {"minimum", "maximum"},
    "boolean": set(),
    "string": {"maxLength"},
}

Schema = dict[str, Any]


def check(schema: Schema) -> None:
    """Raises ValueError for what leaves something free, or is not known here."""
    if schema.get("type") != "object":
        raise ValueError("a form is an object")
    _check(schema, "form", is_free=False)


def _check(schema: Any, name: str, *, is_free: bool) -> None:
    if not isinstance(schema, dict):
        raise ValueError(f"{name}: a schema is an object")
    if "anyOf" in schema or "enum" in schema:
        keyword = "anyOf" if "anyOf" in schema else "enum"
        options = schema[keyword]
        if set(schema) - {keyword, "type"} or not isinstance(options, list) or not options:
            raise ValueError(f"{name}: {keyword} stands alone, and has something to choose from")
        for option in options if keyword == "anyOf" else ():
            _check(option, name, is_free=is_free)
        return
    kind = schema.get("type")
    if kind not in KEYWORDS or set(schema) - {"type"} - KEYWORDS[kind]:
        raise ValueError(f"{name}: of {kind} these keywords are not known: {sorted(set(schema) - {'type'})}")
    match kind:
        case "object":
            properties = schema.get("properties")
            if schema.get("additionalProperties") is not False or not isinstance(properties, dict):
                raise ValueError(f"{name}: an object names its properties and has no others (additionalProperties)")
            if not set(schema.get("required", ())) <= set(properties):
                raise ValueError(f"{name}: what is required is a property")
            for key, one in properties.items():
                _check(one, f"{name}.{key}", is_free=key == FREE)
        case "array":
            _check(schema.get("items"), f"{name}[]", is_free=False)
            if not 0 <= schema.get("minItems", 0) <= schema.get("maxItems", MOST + 1) <= MOST:
                raise ValueError(f"{name}: an array has a maxItems, {MOST} at most")
        case "integer":
            if not {"minimum", "maximum"} <= set(schema):
                raise ValueError(f"{name}: an integer has a minimum and a maximum")
        case "string":
            if not is_free or not 0 < schema.get("maxLength", 0) <= LONGEST:
                raise ValueError(f"{name}: text is enumerated, or is named {FREE} and has a maxLength")


def matches(schema: Schema, value: object) -> bool:
    """`schema` passed `check`."""
    if "anyOf" in schema:
        return any(matches(option, value) for option in schema["anyOf"])
    if "enum" in schema:
        return any(type(value) is type(option) and value == option for option in schema["enum"])
    match schema["type"]:
        case "object":
            properties = schema["properties"]
            return (
                isinstance(value, dict)
                and set(schema.get("required", ())) <= set(value) <= set(properties)
                and all(matches(properties[key], one) for key, one in value.items())
            )
        case "array":
            return (
                isinstance(value, list)
                and schema.get("minItems", 0) <= len(value) <= schema["maxItems"]
                and all(matches(schema["items"], one) for one in value)
            )
        case "integer":
            return type(value) is int and schema["minimum"] <= value <= schema["maximum"]
        case "string":
            return isinstance(value, str) and len(value) <= schema["maxLength"]
    return isinstance(value, bool)
