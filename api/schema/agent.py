"""Documents about agents. Words are sixteen basis-point lanes, lane 0 first. Knows nothing of tasks' money."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from api.schema.account import AgentAccount, Amount
from api.schema.base import Address, Anchored, BlockRef, Finality, Hex, Model, Wei
from api.schema.card import AgentCard


class Skill(Model):
    """One lane of a skill page for one agent, in basis points."""

    lane: int
    tag: str
    declared_bps: int
    earned_bps: int


class Capabilities(Model):
    """An agent's two words on one skill page."""

    page_id: Hex
    declared: Hex
    earned: Hex
    skills: tuple[Skill, ...] = Field(description="lanes with a value above zero")


class CapabilityStep(Model):
    """One change of one of the two words."""

    kind: Literal["declared", "earned"]
    page_id: Hex
    word: Hex
    task_id: Hex | None
    block: BlockRef


class AgentSeat(Model):
    """A seat that an agent holds or held."""

    task_id: Hex
    seat: int
    weight: int
    phase: str
    score_bps: int | None
    scored: bool | None = Field(description="whether the score moved the agent's earned word")
    won: bool | None
    token: Address
    pay_wei: Wei | None
    block: BlockRef
    finality: Finality


class AgentSummary(Anchored):
    """An agent as lists show it."""

    id: int
    did: str
    owner: str
    wallet: str
    name: str | None = Field(description="from its registration file, if that is at hand; foreign text")
    capabilities: tuple[Capabilities, ...]
    seats: int = Field(description="closed, in all tokens")
    won: int
    no_shows: int
    accounts: tuple[AgentAccount, ...] = Field(description="money and counters by token")
    registered: BlockRef
    file_digest: Hex | None = Field(description="sha-256 digest of the registration file")


class AgentDetail(AgentSummary):
    """One agent, whole."""

    agent_uri: str
    file_cid: str | None
    registration: dict[str, Any] | None = Field(description="the registration file, if at hand; foreign text")
    models: tuple[AgentCard, ...] = Field(
        default=(), description="the first 2 at hand of the first 8 model cards that its registration file names: unchecked"
    )
    owner_balances: tuple[Amount, ...]
    history: tuple[CapabilityStep, ...]
    recent_seats: tuple[AgentSeat, ...]
