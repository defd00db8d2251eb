"""How good an agent was over time, and whether its bids knew: running mean of scores, reliability curve, calibration error.

Pure arithmetic in basis points over what the index tells of scored seats.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from api.reader import ScoredFacts
from api.schema.accuracy import Accuracy, Reliability, ReliabilityBin, ScoredSeat
from api.schema.agent import AgentDetail

#: Seats that the running accuracy looks back over.
WINDOW = 20
#: A reliability curve of fewer seats says nothing.
LEAST_SEATS = 10
MOST_BINS, SEATS_PER_BIN = 10, 5


def accuracy_of(agent: AgentDetail, facts: Sequence[ScoredFacts]) -> Accuracy:
    """The document; ``facts`` are the agent's scored seats, oldest first."""
    seats = (
        ScoredSeat(
            block=fact.block,
            finality=fact.finality,
            task_id=fact.task_id,
            seat=fact.seat,
            score_bps=fact.score_bps,
            evaluated=fact.evaluated,
            confidence_bps=fact.confidence_bps,
            recent_bps=recent,
        )
        for fact, recent in zip(facts, running([fact.score_bps for fact in facts]), strict=True)
    )
    claims = [(fact.confidence_bps, fact.score_bps) for fact in facts if fact.confidence_bps is not None]
    return Accuracy(
        block=agent.block,
        finality=agent.finality,
        agent_id=agent.id,
        window=WINDOW,
        seats=tuple(seats),
        reliability=reliability(claims),
    )


def running(scores: Sequence[int], window: int = WINDOW) -> list[int]:
    """Mean of each score and those before it, at most ``window`` in all."""
    parts = (scores[max(0, i + 1 - window) : i + 1] for i in range(len(scores)))
    return [_mean(part) for part in parts]


def reliability(claims: Sequence[tuple[int, int]]) -> Reliability | None:
    """The reliability curve of (claimed, scored) pairs; None for fewer than `LEAST_SEATS`."""
    if len(claims) < LEAST_SEATS:
        return None
    bins = tuple(_bin(part) for part in _equal_mass(sorted(claims), min(MOST_BINS, len(claims) // SEATS_PER_BIN)))
    error = sum(part.seats * abs(part.claimed_bps - part.scored_bps) for part in bins)
    return Reliability(seats=len(claims), error_bps=_rounded(error, len(claims)), bins=bins)


def _equal_mass(claims: Sequence[tuple[int, int]], count: int) -> Iterator[Sequence[tuple[int, int]]]:
    """Sorted claims in ``count`` bins by the middle rank of each claim: equal claims share a bin, and empty ones are left out."""
    values = [claimed for claimed, _ in claims]
    first = {value: i for i, value in reversed(list(enumerate(values)))}
    last = {value: i for i, value in enumerate(values)}
    # 2n · middle rank share = first + last + 1, in whole numbers.
    place = [(first[v] + last[v] + 1) * count // (2 * len(values)) for v in values]
    for number in range(count):
        part = [claim for claim, where in zip(claims, place, strict=True) if where == number]
        if part:
            yield part


def _bin(part: Sequence[tuple[int, int]]) -> ReliabilityBin:
    claimed, scored = [claim for claim, _ in part], [score for _, score in part]
    return ReliabilityBin(
        seats=len(part), low_bps=claimed[0], high_bps=claimed[-1], claimed_bps=_mean(claimed), scored_bps=_mean(scored)
    )


def _mean(values: Sequence[int]) -> int:
    return _rounded(sum(values), len(values))


def _rounded(amount: int, parts: int) -> int:
    return (2 * amount + parts) // (2 * parts)
