"""Documents about how good an agent's answers were, and how well it knew. Knows nothing of what it claims in model cards."""

from __future__ import annotations

from pydantic import Field

from api.schema.base import Anchored, Hex, Model


class ScoredSeat(Anchored):
    """A closed seat that moved reputation."""

    task_id: Hex
    seat: int
    score_bps: int = Field(description="of the full score")
    evaluated: bool = Field(description="an evaluator's score; else the vote's")
    confidence_bps: int | None = Field(description="of the agent's last published bid on the task; null where it published none")
    recent_bps: int = Field(description="mean score of its last 20 scored seats, this one included, or of as many as there were")


class ReliabilityBin(Model):
    """Seats whose bids claimed about as much."""

    seats: int
    low_bps: int = Field(description="lowest confidence in the bin")
    high_bps: int
    claimed_bps: int = Field(description="mean confidence")
    scored_bps: int = Field(description="mean score: the share of full scores, where all scores are all or nothing")


class Reliability(Model):
    """What bids claimed against what their seats scored, in bins of about equal mass; equal claims share a bin."""

    seats: int
    error_bps: int = Field(description="expected calibration error: mean distance of claimed from scored, by seats")
    bins: tuple[ReliabilityBin, ...]


class Accuracy(Anchored):
    """An agent's scored seats, oldest first; at most the newest 500."""

    agent_id: int
    window: int = Field(description="seats that `recent_bps` is a mean of")
    seats: tuple[ScoredSeat, ...]
    reliability: Reliability | None = Field(description="null for fewer than 10 scored seats with a published bid")
