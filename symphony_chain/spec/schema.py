"""A small, closed subset of JSON Schema for json answers: every agent must judge alike, today and years
later.

Keywords: type, enum, const, properties, required, additionalProperties (boolean), items, minItems, maxItems,
minLength, maxLength, minimum, maximum. No references, no patterns (regular expressions differ between
languages and can be made to run for ever). Source: JSON Schema 2020-12. Knows nothing of answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symphony_chain.canonical import canonical_json
from symphony_chain.spec.fields import Fields, fault

MAX_SCHEMA_DEPTH = 16
_LENGTHS = {"minItems", "maxItems", "minLength", "maxLength"}
_BOUNDS = {"minimum", "maximum"}
_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: _is_number(value),
    "integer": lambda value: _is_number(value) and float(value).is_integer(),
}


def check_schema(schema: Any, where: str, depth: int = 0) -> None:
    """Raise ``InvalidField`` unless ``schema`` uses only the subset, correctly."""
    if depth > MAX_SCHEMA_DEPTH:
        raise fault(where, f"is nested deeper than {MAX_SCHEMA_DEPTH} levels")
    fields = Fields(schema, where)
    if fields.has("type"):
        fields.choice("type", tuple(_TYPES))
    if fields.has("enum") and not fields.items("enum", 256):
        raise fault(fields.path("enum"), "must not be empty")
    if fields.has("const"):
        fields.take("const")
    if fields.has("required"):
        fields.texts("required", 256, 256)
    if fields.has("additionalProperties"):
        fields.boolean("additionalProperties")
    for name in sorted(_LENGTHS):
        if fields.has(name):
            fields.integer(name, 0, 2**53 - 1)
    for name in sorted(_BOUNDS):
        if fields.has(name):
            fields.number(name, -1e300, 1e300)
    if fields.has("items"):
        check_schema(fields.take("items"), fields.path("items"), depth + 1)
    if fields.has("properties"):
        properties = fields.take("properties")
        if not isinstance(properties, dict):
            raise fault(fields.path("properties"), "must be an object")
        for name, child in properties.items():
            check_schema(child, f"{fields.path('properties')}.{name}", depth + 1)
    fields.close()


def violation(value: Any, schema: dict[str, Any], where: str = "answer") -> str | None:
    """What is wrong with ``value`` by a checked ``schema``, as one sentence; None if nothing is."""
    kind = schema.get("type")
    if kind is not None and not _TYPES[kind](value):
        return f"{where} is not of type {kind}"
    if "const" in schema and not _same(value, schema["const"]):
        return f"{where} is not the constant asked for"
    if "enum" in schema and not any(_same(value, option) for option in schema["enum"]):
        return f"{where} is not one of the values allowed"
    if isinstance(value, str):
        return _length(len(value), schema, "Length", f"{where} (characters)")
    if isinstance(value, list):
        return _length(len(value), schema, "Items", f"{where} (items)") or _items(value, schema, where)
    if isinstance(value, dict):
        return _object(value, schema, where)
    if _is_number(value) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        return f"{where} is out of bounds"
    return None


def _items(value: list[Any], schema: dict[str, Any], where: str) -> str | None:
    if "items" not in schema:
        return None
    found = (violation(item, schema["items"], f"{where}[{index}]") for index, item in enumerate(value))
    return next((fault_found for fault_found in found if fault_found), None)


def _object(value: dict[str, Any], schema: dict[str, Any], where: str) -> str | None:
    properties: dict[str, Any] = schema.get("properties", {})
    for name in schema.get("required", []):
        if name not in value:
            return f"{where}.{name} is missing"
    for name, item in value.items():
        if name in properties:
            if found := violation(item, properties[name], f"{where}.{name}"):
                return found
        elif not schema.get("additionalProperties", True):
            return f"{where}.{name} is not allowed"
    return None


def _length(length: int, schema: dict[str, Any], suffix: str, where: str) -> str | None:
    low, high = schema.get(f"min{suffix}", 0), schema.get(f"max{suffix}", length)
    return None if low <= length <= high else f"{where} has a length of {length}"


def _same(left: Any, right: Any) -> bool:
    """JSON equality: 1 and 1.0 are the same number, 1 and true are not the same value."""
    return canonical_json(left) == canonical_json(right)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
