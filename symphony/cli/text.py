"""Text on its way to a terminal or into JSON: foreign strings made inert, values made plain. Knows nothing of commands."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from symphony_chain.units import format_wei

__all__ = ["clean", "format_amount", "format_wei", "jsonable", "short", "table"]

#: Unicode categories that move the cursor, hide or reorder text: control, format, surrogate, private, unassigned, separators.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def clean(text: str, limit: int = 4000) -> str:
    """Foreign text on one line: every control, bidi or invisible character replaced, at most `limit` characters.

    A task's title or an answer is written by a stranger; it must not be able to move the cursor or fake a line of ours.
    """
    plain = "".join(
        " " if c in "\n\r\t" else "\N{REPLACEMENT CHARACTER}" if _unsafe(c) else c for c in text[: limit + 1]
    )
    return plain if len(plain) <= limit else plain[:limit] + "…"


def _unsafe(character: str) -> bool:
    return unicodedata.category(character) in _UNSAFE


def short(value: bytes | str, keep: int = 8) -> str:
    """A hash or address by its first `keep` hex digits: 0x12345678…"""
    text = value if isinstance(value, str) else "0x" + value.hex()
    return text if len(text) <= keep + 3 else f"{text[: keep + 2]}…"


def format_amount(units: int, token: str) -> str:
    """An amount of a token: ether for native coins (address zero), bare units of others (their decimals are strangers' words)."""
    return f"{units} units of {token}" if int(token, 16) else format_wei(units)


def jsonable(value: Any) -> Any:
    """A value as plain JSON: bytes as 0x-hex, enums by name, money (`…_wei`) as decimal strings, dataclasses as objects."""
    if isinstance(value, Enum):
        return value.name.lower()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Path):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return jsonable({field.name: getattr(value, field.name) for field in fields(value)})
    if isinstance(value, Mapping):
        return {str(key): _member(str(key), item) for key, item in value.items()}
    if isinstance(value, (Sequence, set, frozenset)):
        return [jsonable(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _member(key: str, item: Any) -> Any:
    # A double carries 53 bits: wei as JSON numbers would be rounded by most readers.
    if (
        isinstance(item, int)
        and not isinstance(item, (bool, Enum))
        and (key.endswith("_wei") or abs(item) >= 1 << 53)
    ):
        return str(item)
    return jsonable(item)


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Lines of a table with left-aligned columns; cells are cleaned."""
    cells = [[clean(str(cell), 120) for cell in row] for row in rows]
    widths = [
        max(len(headers[i]), *(len(row[i]) for row in cells)) if cells else len(headers[i])
        for i in range(len(headers))
    ]
    lines = ["  ".join(h.ljust(w) for h, w in zip(headers, widths, strict=True)).rstrip()]
    lines += ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]
    return lines
