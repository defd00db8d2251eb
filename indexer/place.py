"""Where an event is, as the audit keeps it."""

from __future__ import annotations

from dataclasses import dataclass

from symphony_chain.rpc_types import Block, Log


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event is: its block and its log."""

    block: Block
    log: Log

    @property
    def tx(self) -> str:
        return "0x" + self.log.tx_hash.hex()
