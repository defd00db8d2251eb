"""Canonical JSON (RFC 8785) and a strict reader for it: one document, one byte string, one digest.

Numbers are IEEE doubles as in JavaScript; an integer that a double cannot carry is refused, not rounded.
Amounts of money therefore travel as decimal strings. Knows nothing of any document's fields.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, NoReturn

import rfc8785

from symphony_chain.errors import InvalidInput

MAX_DEPTH = 32
_MAX_SAFE_INTEGER = 2**53 - 1


class InvalidJson(InvalidInput):
    """Bytes that are not strict JSON, or a value that RFC 8785 cannot carry."""

    code = "json.invalid"


def canonical_json(value: Any) -> bytes:
    """RFC 8785 bytes of dicts, lists, strings, numbers, booleans and None; ``InvalidJson`` for anything
    else."""
    try:
        return rfc8785.dumps(value)
    except (ValueError, TypeError, RecursionError) as exc:
        hint = "use plain JSON values; write integers above 2^53-1 as decimal strings"
        raise InvalidJson(
            f"not representable as canonical JSON: {exc or type(exc).__name__}", hint=hint
        ) from exc


def parse_json(data: bytes, *, max_bytes: int, what: str = "document") -> Any:
    """The value of strict JSON: UTF-8, no duplicate keys, no NaN, at most 32 levels, numbers that survive RFC
    8785.

    Raises:
        InvalidJson: naming ``what`` and the fault.
    """
    if len(data) > max_bytes:
        raise InvalidJson(
            f"the {what} has {len(data)} bytes; at most {max_bytes} are allowed", hint="make it smaller"
        )
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique_keys,
            parse_constant=_no_constant,
            parse_int=_integer,
            parse_float=_float,
        )
        if _depth(value) > MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    except RecursionError as exc:
        raise InvalidJson(f"the {what} is nested too deeply", hint="flatten it") from exc
    except ValueError as exc:
        raise InvalidJson(f"the {what} is not valid JSON: {exc}", hint="send strict UTF-8 JSON") from exc
    return value


def parse_canonical_json(data: bytes, *, max_bytes: int, what: str = "document") -> Any:
    """``parse_json`` for documents named by their digest: the bytes must be the canonical ones."""
    value = parse_json(data, max_bytes=max_bytes, what=what)
    if canonical_json(value) != data:
        hint = "write it by RFC 8785: sorted keys, no white space, shortest numbers"
        raise InvalidJson(f"the {what} is JSON, but not canonical JSON", hint=hint)
    return value


def sha256(data: bytes) -> bytes:
    """32-byte digest that names a document on chain and in its raw CID."""
    return hashlib.sha256(data).digest()


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"key {key!r} appears twice")
        found[key] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _integer(text: str) -> int | float:
    if len(text) > 400:
        raise ValueError("a number with more than 400 digits")
    number = int(text)
    if abs(number) <= _MAX_SAFE_INTEGER:
        return number
    # A double above 2^53 prints as an integer (1e20); it may come back only if it prints the same again.
    if abs(number) < 10**21 and rfc8785.dumps(float(number)) == text.encode():
        return float(number)
    raise ValueError(f"integer {text[:40]} does not fit a double; write it as a string")


def _float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"number {text[:40]} is out of range")
    return number


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        children: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                children.extend(item.values())
            elif isinstance(item, list):
                children.extend(item)
        level = children
    return depth
