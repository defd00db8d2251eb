"""What a client of the gateway asks for: form, scope, byte range and CAR options, or the HTTP status of the
refusal.

Source: IPFS trustless gateway specification (with IPIP-0402, 0412, 0523). Pure; knows nothing of stores.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from symphony_chain.content.exchange import CAR_TYPE, RAW_TYPE

CAR_CONTENT_TYPE = f"{CAR_TYPE}; version=1; order=dfs; dups=n"
_ENTITY_BYTES = re.compile(r"(-?[0-9]{1,18}):(\*|-?[0-9]{1,18})")
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request understood: ``form`` is raw or car; ``entity_bytes`` is (from, to inclusive or None), either
    may be negative."""

    form: str
    scope: str
    entity_bytes: tuple[int, int | None] | None


class Refused(Exception):
    """A request that gets an HTTP error: ``status`` and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def read_ask(query: Mapping[str, str], accept: str) -> Ask:
    """The request behind query parameters and Accept header; ``?format=`` wins over Accept (IPIP-0523)."""
    types = _accepted(accept)
    form = query.get("format") or next(
        (name for kind, name in ((CAR_TYPE, "car"), (RAW_TYPE, "raw")) if kind in types), ""
    )
    if form not in ("raw", "car"):
        specific = bool(types) and "*/*" not in types
        message = (
            "this is a trustless gateway: ask for ?format=raw or ?format=car (or the matching Accept header)"
        )
        raise Refused(406 if specific and not form else 400, message)
    if form == "raw":
        return Ask("raw", "block", None)
    _check_car_options(query, types.get(CAR_TYPE, {}))
    scope = query.get("dag-scope", "all")
    if scope not in ("block", "entity", "all"):
        raise Refused(400, "dag-scope is block, entity or all")
    entity_bytes = _entity_bytes(query["entity-bytes"]) if "entity-bytes" in query else None
    return Ask("car", scope if entity_bytes is None else "entity", entity_bytes)


def clip_entity_bytes(entity_bytes: tuple[int, int | None] | None, size_bytes: int) -> tuple[int, int]:
    """Half-open ``[start, end)`` inside a file of ``size_bytes``; negative positions count from its end."""
    if entity_bytes is None:
        return 0, size_bytes
    first, last = entity_bytes
    start = max(first + size_bytes, 0) if first < 0 else first
    end = size_bytes if last is None else (last + size_bytes if last < 0 else last) + 1
    return start, min(end, size_bytes)


def read_range(header: str, size_bytes: int) -> tuple[int, int] | None:
    """Half-open byte range of a ``Range`` header, None if there is none to honour; ``Refused`` 416 beyond the
    end."""
    match = _RANGE.fullmatch(header.strip())
    if match is None or not (match[1] or match[2]):
        return None  # several ranges or another unit: the whole block is a valid answer
    if match[1]:
        start, end = int(match[1]), min(int(match[2]) + 1 if match[2] else size_bytes, size_bytes)
    else:
        start, end = max(size_bytes - int(match[2]), 0), size_bytes
    if start >= end:
        raise Refused(416, f"the block has {size_bytes} bytes")
    return start, end


def etag_matches(if_none_match: str, etag: str) -> bool:
    """Weak comparison of RFC 9110 section 13.1.2."""
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag.removeprefix("W/") in tags


def _accepted(accept: str) -> dict[str, dict[str, str]]:
    """Media type → its parameters."""
    types: dict[str, dict[str, str]] = {}
    for item in accept.split(","):
        kind, *parameters = [part.strip().lower() for part in item.split(";")]
        if kind:
            pairs = (parameter.partition("=") for parameter in parameters)
            types[kind] = {name.strip(): value.strip() for name, _, value in pairs}
    return types


def _check_car_options(query: Mapping[str, str], parameters: Mapping[str, str]) -> None:
    version = query.get("car-version") or parameters.get("version", "1")
    order = query.get("car-order") or parameters.get("order", "dfs")
    dups = query.get("car-dups") or parameters.get("dups", "n")
    if version != "1":
        raise Refused(400, "only CAR version 1 is served")
    if order not in ("dfs", "unk") or dups != "n":
        raise Refused(406, "archives are served with order=dfs and dups=n")


def _entity_bytes(text: str) -> tuple[int, int | None]:
    match = _ENTITY_BYTES.fullmatch(text)
    if match is None:
        raise Refused(400, "entity-bytes is from:to, with to a number or *")
    return int(match[1]), None if match[2] == "*" else int(match[2])
