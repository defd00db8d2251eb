"""Keyset pages: a cursor names the last row seen, so that pages neither skip nor repeat while rows arrive. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from symphony_chain.errors import InvalidInput

MAX_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Page:
    """Rows and the cursor of the next page (None: that was the last)."""

    items: list[dict[str, Any]]
    next_cursor: str | None


def encode_cursor(key: Sequence[Any]) -> str:
    """An opaque text for a row's key."""
    return base64.urlsafe_b64encode(orjson.dumps(list(key))).decode().rstrip("=")


def decode_cursor(text: str, shape: Sequence[type]) -> tuple[Any, ...]:
    """The key in a cursor.

    Raises:
        InvalidInput: not a cursor of this list.
    """
    try:
        key = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, UnicodeError):
        key = None
    fits = isinstance(key, list) and [type(part) for part in key] == list(shape)
    if not fits or any(isinstance(part, int) and abs(part) >= 2**63 for part in key):
        raise InvalidInput(
            "this is no cursor of this list", hint="use `next_cursor` of the page before, unchanged", code="input.cursor"
        )
    return tuple(key)


def check_limit(limit: int) -> int:
    """The limit, if it is 1…200.

    Raises:
        InvalidInput: it is not.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput(f"a limit of {limit} is not possible", hint=f"choose 1…{MAX_LIMIT}", code="input.limit")
    return limit


def page_of(rows: Sequence[dict[str, Any]], limit: int, key: Callable[[dict[str, Any]], Sequence[Any]]) -> Page:
    """A page from `limit + 1` rows read."""
    items = list(rows[:limit])
    return Page(items, encode_cursor(key(items[-1])) if len(rows) > limit else None)
