"""Documents about model cards. What a card says is its maker's claim: foreign text that nobody checked."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from api.schema.base import Hex, Model


class AgentCard(Model):
    """A model card that an agent's registration file names."""

    digest: Hex
    cid: str
    card: dict[str, Any] = Field(description="symphony.model-card/1, as its maker wrote it; foreign text that nobody checked")


class CardAgent(Model):
    """An agent that names a card."""

    id: int
    name: str | None = Field(description="from its registration file; foreign text")


class CardSummary(Model):
    """A card as lists show it."""

    digest: Hex
    cid: str
    name: str = Field(description="foreign text, as all that follows")
    kind: str
    base: Hex | None = Field(description="sha-256 of an adapter's base weights")
    licence: str
    parameters: int
    weights_bytes: int = Field(description="of the smallest of its files")
    skills: tuple[str, ...]
    agent_count: int
    agents: tuple[CardAgent, ...] = Field(description="by id, the first 50 that name it")


class CardDetail(AgentCard):
    """One card, whole, and who names it."""

    agent_count: int
    agents: tuple[CardAgent, ...] = Field(description="by id, the first 50 that name it")
