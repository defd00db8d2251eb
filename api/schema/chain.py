"""Documents about blocks, transactions and events. Knows nothing of what an event means for a task."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from api.schema.base import Anchored, Hex, Wei


class Event(Anchored):
    """One decoded event of the market or the registry."""

    id: str = Field(description="position in the stream: block-logIndex-blockHashPrefix")
    name: str
    tx_hash: Hex
    log_index: int
    task_id: Hex | None = None
    agent_id: int | None = None
    data: dict[str, Any] = Field(description="the event's fields; wei and words as strings, digests as 0x-hex")


class Transaction(Anchored):
    """A transaction that touched our contracts."""

    hash: Hex
    index: int
    sender: str
    to: str | None
    method: str
    status: int = Field(description="1 success, 0 reverted")
    value_wei: Wei
    gas_used: int
    gas_price_wei: Wei


class TransactionDetail(Transaction):
    """A transaction with its events."""

    events: tuple[Event, ...]


class BlockSummary(Anchored):
    """A block that the index keeps."""

    parent_hash: Hex
    transactions: int = Field(description="how many of ours")


class BlockDetail(Anchored):
    """A block with our transactions in it."""

    parent_hash: Hex
    gas_used: int
    items: tuple[Transaction, ...]
