"""What every document of the API has in common: frozen models, wei as strings, block and finality.

Knows nothing of tasks and agents.
"""

from __future__ import annotations

from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

#: pending: not indexed yet; soft: a reorganisation may still drop it; final: too deep for any reorganisation we follow.
Finality = Literal["pending", "soft", "final"]
#: Money in its token's smallest unit: int in Python, decimal string in JSON, so that no reader rounds it.
Wei = Annotated[int, PlainSerializer(str, return_type=str), Field(ge=0)]
Hex = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]*$")]
Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]
T = TypeVar("T")


class Model(BaseModel):
    """Root of all documents that the API sends."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BlockRef(Model):
    """One block of the canonical chain as the index knows it."""

    number: int
    hash: Hex
    timestamp_s: int


class Anchored(Model):
    """Anything that rests on the chain: the block that last changed it, and how firm that block is."""

    block: BlockRef
    finality: Finality


class Page(Model, Generic[T]):
    """One page of a list; ``next`` is the opaque cursor of the following one, null at the end."""

    items: tuple[T, ...]
    next: str | None
    next_url: str | None = None


class Status(Model):
    """How the index stands to the chain."""

    chain_id: int
    genesis: Hex
    market: str
    registry: str
    contracts: dict[str, Address] = Field(description="all of the deployment, by name")
    state: str = Field(description="starting, following, unreachable, node_behind, wrong_chain or reorg_final")
    message: str = Field(description="why, where it is not following")
    head_number: int | None = Field(description="the node's head as the indexer last saw it")
    indexed: BlockRef | None
    lag_blocks: int
    finality_depth: int


class TokenTotals(Model):
    """What tasks paid and burnt in one token."""

    token: Address
    paid_wei: Wei
    burnt_wei: Wei


class Totals(Model):
    """Counts over the whole market."""

    tasks: int
    tasks_by_state: dict[str, int]
    agents: int
    bids: int
    transactions: int
    closed_10m: int = Field(description="tasks closed in the last ten minutes of block time")
    money: tuple[TokenTotals, ...] = Field(description="one entry a token that was ever paid, the chain's own coin first")
