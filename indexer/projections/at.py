"""Where on the chain an event happened."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class At:
    """Block height and time (unix seconds), place in the block, transaction (0x-hex)."""

    block_number: int
    timestamp_s: int
    log_index: int
    tx_hash: str
