"""Self-consistency: the vote among one seat's own samples, through the one tally. Pure.

A sample weighs by the geometric mean probability of its tokens (exp of the mean log-probability), not equally: with few
samples ties are common, and a tie should go to the chain that the model itself found likelier, not to the lower hash.
Knows nothing of where samples come from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from symphony_chain.model.tally import ANSWER_BYTES, Vote, tally
from symphony_chain.skills import FULL_SCALE
from symphony_chain.spec import answer_digest

#: One vote is enough: among own samples the heaviest answer is the best guess, however small its share.
_ANY_SHARE = 1


@dataclass(frozen=True, slots=True)
class Ballot:
    """One sample: its canonical answer (None: failed, no vote) and mean natural-log probability per token (≤ 0)."""

    answer: bytes | None
    mean_logprob: float


@dataclass(frozen=True, slots=True)
class Consensus:
    """The chosen answer, its share of the weight of all samples (failed ones included) in basis points, and the evidence for it:
    the weight of its samples over the most that all samples could weigh, 0…1.

    The share compares answers with each other; the evidence falls too where every chain is unsure. So that is what a calibration
    maps to a probability of being right.
    """

    answer: bytes
    share_bps: int
    evidence: float


def weight_of(mean_logprob: float) -> int:
    """Integer weight 1…10000 of a sample."""
    return max(1, min(FULL_SCALE, round(FULL_SCALE * math.exp(min(0.0, mean_logprob)))))


def self_consistency(task_id: bytes, ballots: Sequence[Ballot]) -> Consensus | None:
    """The heaviest answer among samples; None where every sample failed."""
    answers = {answer_digest(b.answer)[:ANSWER_BYTES]: b.answer for b in ballots if b.answer is not None}
    if not answers:
        return None
    votes = [
        Vote(weight_of(b.mean_logprob), None if b.answer is None else answer_digest(b.answer)[:ANSWER_BYTES])
        for b in ballots
    ]
    result = tally(task_id, votes, _ANY_SHARE)
    assert result.winner is not None
    return Consensus(
        answer=answers[result.winner],
        share_bps=result.winner_weight * FULL_SCALE // result.total_weight,
        evidence=result.winner_weight / (FULL_SCALE * len(votes)),
    )
