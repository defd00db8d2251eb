"""Documents about money by owner: accounts and tokens. Knows no tasks."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from api.schema.base import Address, BlockRef, Model, Wei


class TokenInfo(Model):
    """A currency. `symbol` is foreign text; null where neither token nor node says it: then amounts are raw units."""

    address: Address
    symbol: str | None
    decimals: int | None


class Amount(Model):
    """Money in one token."""

    token: Address
    amount_wei: Wei


class AgentAccount(Model):
    """An agent's money and counters in one token."""

    token: Address
    accrued_wei: Wei = Field(description="pay and bonds that its owner or operator may claim for the owner")
    seats: int
    won: int
    no_shows: int


class AccountAgent(Model):
    """An agent that an address owns or operates."""

    id: int
    role: Literal["owner", "operator"] = Field(description="an operator may claim, but only to the owner")
    owner: Address
    name: str | None = Field(description="from its registration file, if that is at hand; foreign text")
    accounts: tuple[AgentAccount, ...]


class AccountDetail(Model):
    """An address in the market: its own balances, and the agents whose pay it may claim."""

    address: Address
    balances: tuple[Amount, ...]
    agents: tuple[AccountAgent, ...]
    block: BlockRef | None = Field(description="the indexed head: the block at which all of this held")
