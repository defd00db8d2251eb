"""A decoded event as JSON: names as in Solidity's events, bytes as 0x-hex, money as decimal strings. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import IntEnum
from typing import Any

from indexer.contracts import decode
from indexer.text import bytes_of, hex_of, word_of
from symphony_chain.rpc_types import Log
from symphony_chain.types import Task

WORDS = frozenset({"word", "earned", "requirement"})


def log_of(row: Mapping[str, Any]) -> Log:
    """The raw log of a row of `logs`."""
    topics = tuple(bytes_of(row[f"topic{i}"]) for i in range(4) if row[f"topic{i}"] is not None)
    return Log(
        address=row["address"],
        topics=topics,
        data=bytes_of(row["data"]),
        block_number=row["block_number"],
        block_hash=b"",
        tx_hash=bytes_of(row["tx_hash"]),
        tx_index=row["tx_index"],
        log_index=row["log_index"],
    )


def event_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `logs` as {event, args, block_number, log_index, tx_hash, address}; `event` is null for foreign topics."""
    event = decode(log_of(row))
    return {
        "event": type(event).__name__ if event is not None else None,
        "args": _args(event) if event is not None else {},
        "block_number": row["block_number"],
        "log_index": row["log_index"],
        "tx_hash": row["tx_hash"],
        "address": row["address"],
    }


def _args(value: Any) -> dict[str, Any]:
    return {field.name.rstrip("_"): _plain(field.name, getattr(value, field.name)) for field in fields(value)}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return hex_of(value)
    if isinstance(value, IntEnum):
        return value.name
    if isinstance(value, Task):
        return value.as_json()
    if isinstance(value, tuple):
        return [_plain(name, item) for item in value]
    if is_dataclass(value):
        return _args(value)
    if name.endswith("_wei"):
        return str(value)
    return word_of(value) if name in WORDS else value
