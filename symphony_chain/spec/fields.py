"""Strict reading of one JSON object: every field taken once, typed and bounded; what is left over is an
error.

Knows nothing of which documents there are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from symphony_chain.errors import InvalidInput

_DIGEST = re.compile(r"0x[0-9a-f]{64}")


class InvalidField(InvalidInput):
    """A field that is missing, unknown, of the wrong type or out of bounds; ``context["field"]`` names it."""

    code = "spec.invalid_field"


def fault(field: str, message: str) -> InvalidField:
    """The error for a field, with its full path."""
    return InvalidField(
        f"{field}: {message}", hint="see docs/formats.md for the field's type and limits", field=field
    )


class Fields:
    """The fields of one object at path ``where`` (such as ``header.body``)."""

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise fault(where, "must be an object")
        self._rest = dict(value)
        self._where = where

    def path(self, name: str) -> str:
        return f"{self._where}.{name}"

    def take(self, name: str) -> Any:
        """Any value of a required field."""
        if name not in self._rest:
            raise fault(self.path(name), "is missing")
        return self._rest.pop(name)

    def has(self, name: str) -> bool:
        return name in self._rest

    def constant(self, name: str, expected: str) -> None:
        """A field with one possible value, such as the format's version."""
        value = self.take(name)
        if value != expected:
            raise fault(self.path(name), f"is {value!r}; this version reads {expected!r}")

    def text(self, name: str, max_bytes: int, *, empty: bool = False) -> str:
        return check_text(self.take(name), self.path(name), max_bytes, empty=empty)

    def optional_text(self, name: str, max_bytes: int) -> str | None:
        value = self.take(name)
        return None if value is None else check_text(value, self.path(name), max_bytes, empty=True)

    def integer(self, name: str, low: int, high: int) -> int:
        value = self.take(name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise fault(self.path(name), f"must be an integer from {low} to {high}")
        return value

    def number(self, name: str, low: float, high: float) -> float:
        value = self.take(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise fault(self.path(name), f"must be a number from {low} to {high}")
        return float(value)

    def boolean(self, name: str) -> bool:
        value = self.take(name)
        if not isinstance(value, bool):
            raise fault(self.path(name), "must be true or false")
        return value

    def choice(self, name: str, options: Sequence[str]) -> str:
        value = self.take(name)
        if value not in options:
            raise fault(self.path(name), f"must be one of {', '.join(options)}")
        return str(value)

    def items(self, name: str, max_items: int) -> list[tuple[str, Any]]:
        """(path, value) of each element of a list."""
        value = self.take(name)
        if not isinstance(value, list) or len(value) > max_items:
            raise fault(self.path(name), f"must be a list of at most {max_items}")
        return [(f"{self.path(name)}[{index}]", item) for index, item in enumerate(value)]

    def texts(self, name: str, max_items: int, max_bytes: int) -> tuple[str, ...]:
        return tuple(check_text(item, path, max_bytes) for path, item in self.items(name, max_items))

    def digest(self, name: str) -> bytes:
        return check_digest(self.take(name), self.path(name))

    def digests(self, name: str, max_items: int) -> tuple[bytes, ...]:
        return tuple(check_digest(item, path) for path, item in self.items(name, max_items))

    def close(self) -> None:
        """Raise for the first field that nobody took."""
        if self._rest:
            raise fault(self.path(min(self._rest)), "is not a field of this format")


def check_text(value: Any, where: str, max_bytes: int, *, empty: bool = False) -> str:
    """A string of at most ``max_bytes`` of UTF-8."""
    if not isinstance(value, str) or (not value and not empty):
        raise fault(where, "must be a string" if empty else "must be a non-empty string")
    if len(value) > max_bytes or len(value.encode("utf-8", "surrogatepass")) > max_bytes:
        raise fault(where, f"is longer than {max_bytes} bytes")
    return value


def check_digest(value: Any, where: str) -> bytes:
    """32 bytes from ``0x`` and 64 lower-case hex digits."""
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise fault(where, "must be 0x and 64 lower-case hex digits")
    return bytes.fromhex(value[2:])


def hex32(digest: bytes, where: str) -> str:
    """``0x…`` of a 32-byte digest."""
    if len(digest) != 32:
        raise fault(where, f"a digest has 32 bytes, not {len(digest)}")
    return "0x" + digest.hex()
