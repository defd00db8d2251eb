"""The first stage of routing: a linear score over what the ledger and the bid say, and the best L of it. Pure.

`Router` is the interface of the whole; `ScreenRouter` takes the screen's order as the choice. Deterministic: ties go to
the lower price, then to the lower agent id. Knows nothing of rewards or learning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from symphony_chain.errors import InvalidInput
from symphony_chain.skills import FULL_SCALE


@dataclass(frozen=True, slots=True)
class Candidate:
    """One bid as the router sees it. All shares are basis points.

    Attributes:
        match_bps: declared word against the requirement.
        earned_bps: earned word against the requirement.
        confidence_bps: the bidder's own estimate.
        price_wei: asked per seat.
        seats, no_shows: closed seats of the agent, and those it never revealed.
    """

    agent_id: int
    match_bps: int
    earned_bps: int
    confidence_bps: int
    price_wei: int
    seats: int = 0
    no_shows: int = 0


@dataclass(frozen=True, slots=True)
class ScreenWeights:
    """How much each feature (0…1, higher is better) counts."""

    match: float = 0.30
    earned: float = 0.30
    confidence: float = 0.10
    price: float = 0.10
    stability: float = 0.20


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate with its score 0…1."""

    candidate: Candidate
    score: float


class Router(Protocol):
    """Both stages together: orders candidates for `award`, best first."""

    def rank(self, candidates: Sequence[Candidate], *, ceiling_wei: int, limit: int) -> list[Scored]:
        """At most ``limit`` candidates; the contract seats the first k of them that are still valid."""
        ...


def features(candidate: Candidate, ceiling_wei: int) -> tuple[float, float, float, float, float]:
    """(match, earned, confidence, price, stability), each 0…1."""
    return (
        candidate.match_bps / FULL_SCALE,
        candidate.earned_bps / FULL_SCALE,
        candidate.confidence_bps / FULL_SCALE,
        1 - candidate.price_wei / ceiling_wei,
        # Laplace: a newcomer counts as having kept one of two promises.
        (candidate.seats - candidate.no_shows + 1) / (candidate.seats + 2),
    )


def screen(
    candidates: Sequence[Candidate], *, ceiling_wei: int, limit: int, weights: ScreenWeights | None = None
) -> list[Scored]:
    """The best ``limit`` candidates by weighted score, best first.

    Raises:
        InvalidInput: the ceiling or the limit is below 1.
    """
    if ceiling_wei < 1 or limit < 1:
        raise InvalidInput(f"ceiling {ceiling_wei} wei, limit {limit}", hint="both must be at least 1")
    chosen = weights or ScreenWeights()
    factors = (chosen.match, chosen.earned, chosen.confidence, chosen.price, chosen.stability)
    scored = [
        Scored(c, sum(f * x for f, x in zip(factors, features(c, ceiling_wei), strict=True)) / sum(factors))
        for c in candidates
    ]
    scored.sort(key=lambda item: (-item.score, item.candidate.price_wei, item.candidate.agent_id))
    return scored[:limit]


class ScreenRouter:
    """The router whose choice is the screen's order."""

    def __init__(self, weights: ScreenWeights | None = None) -> None:
        self._weights = weights

    def rank(self, candidates: Sequence[Candidate], *, ceiling_wei: int, limit: int) -> list[Scored]:
        """See `Router.rank`."""
        return screen(candidates, ceiling_wei=ceiling_wei, limit=limit, weights=self._weights)
