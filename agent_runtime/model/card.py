"""The built-in model's own card, and what its agents declare: what the card has measured. Imports no model library."""

from __future__ import annotations

from functools import lru_cache

from agent_runtime.engines.weights import CARD, read_verified, shipped_folder
from agent_runtime.model.skills import skill_of
from symphony_chain.skills import DEFAULT_TAGS
from symphony_chain.spec import ModelCard

SUITE = "families"
#: Chains of thought that vote in a seat of a local market.
CHAINS = 3
LEAST_BPS = 1_000


@lru_cache(maxsize=1)
def shipped_card() -> ModelCard:
    """The card beside the shipped weights.

    Raises:
        ModelMissing, ModelCorrupt: it is not there, or not the pinned one.
    """
    return ModelCard.parse(read_verified(shipped_folder(), CARD))


def measured_skills(card: ModelCard) -> dict[str, int]:
    """Tag of the skill page → share of fresh tasks that the model gets right by a vote of three chains, in basis points: the
    mean over the families under the tag. What it gets right in less than a tenth of the cases is no skill, and is left out.
    """
    found: dict[str, int] = {}
    for tag in DEFAULT_TAGS:
        measured = [
            item.votes.get(CHAINS, item.sample_bps)
            for item in card.accuracy
            if item.suite == SUITE and skill_of(item.family) == tag
        ]
        if measured and sum(measured) // len(measured) >= LEAST_BPS:
            found[tag] = sum(measured) // len(measured)
    return found
