"""The one tally of Symphony: match, seat weight, earned step, weighted vote, and the pay it leads to (DESIGN 3.2, 3.3).

Pure integer arithmetic, equal to `contracts/libraries/Capability.sol` and `TaskMarket.settle` bit for bit. The agents' vote among
their own samples, the audit and `vote verify` use it. Knows nothing of chains, clocks or where words come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eth_utils.crypto import keccak

from symphony_chain.errors import InvalidInput
from symphony_chain.skills import FULL_SCALE, LANES, unpack_word
from symphony_chain.types import SeatResult, State, Task

#: An unproven agent still weighs something: earned lanes count as at least this much (0.05).
FLOOR_BPS = 500
#: Bytes of an answer's digest that a seat word keeps and the vote compares.
ANSWER_BYTES = 26
#: r = 10000 moves a lane by a sixteenth of the way to the score.
_STEP_DIVISOR = FULL_SCALE * 16


def match_bps(declared: int, requirement: int) -> int:
    """⌊Σ declared_i·r_i / Σ r_i⌋ in basis points.

    Raises:
        InvalidInput: a word is out of range, or the requirement is zero.
    """
    return _weighted_mean(_lanes(declared), _requirement(requirement))


def seat_weight(declared: int, earned: int, requirement: int) -> int:
    """Weight of a seat, 1…10000: max(1, match(c, r)² / 10000) with c = min(declared, max(earned, FLOOR)).

    Raises:
        InvalidInput: as `match_bps`.
    """
    proven = [min(d, max(e, FLOOR_BPS)) for d, e in zip(_lanes(declared), _lanes(earned), strict=True)]
    mean = _weighted_mean(proven, _requirement(requirement))
    return max(1, mean * mean // FULL_SCALE)


def step_word(earned: int, requirement: int, score_bps: int) -> int:
    """The earned word one settlement later: lane i moves by r_i/10000/16 of (score − earned_i), rounded toward zero.

    Raises:
        InvalidInput: as `match_bps`, or the score is not 0…10000.
    """
    if not 0 <= score_bps <= FULL_SCALE:
        raise InvalidInput(f"a score of {score_bps} is out of range", hint="scores are 0…10000 basis points")
    word = 0
    for lane, (e, r) in enumerate(zip(_lanes(earned), _requirement(requirement), strict=True)):
        distance = abs(score_bps - e) * r // _STEP_DIVISOR
        word |= (e + distance if score_bps >= e else e - distance) << (16 * lane)
    return word


@dataclass(frozen=True, slots=True)
class Vote:
    """One awarded seat as the tally sees it: its weight, and the first 26 bytes of its answer's digest; None: not revealed."""

    weight: int
    answer: bytes | None

    def __post_init__(self) -> None:
        if self.weight < 1:
            raise InvalidInput(f"a vote's weight is at least 1, not {self.weight}", hint="use `seat_weight`")
        if self.answer is not None and len(self.answer) != ANSWER_BYTES:
            raise InvalidInput(
                f"a vote's answer has {len(self.answer)} bytes",
                hint=f"give the digest's first {ANSWER_BYTES} bytes",
            )


@dataclass(frozen=True, slots=True)
class TallyResult:
    """What a vote came to.

    `winner` is the heaviest answer (26 bytes), also where it missed the quorum; None where nobody revealed. `supporters` is the
    number of seats that gave it. `total_weight` counts every awarded seat, no-shows included.
    """

    outcome: State
    winner: bytes | None
    winner_weight: int
    total_weight: int
    supporters: int


def tally(task_id: bytes, votes: Sequence[Vote], quorum_bps: int) -> TallyResult:
    """Heaviest answer; Settled iff its weight · 10000 ≥ quorum · the weight of all seats; Void where nobody revealed.

    Equal weights go to the lower keccak256(task_id ‖ answer).
    """
    total = sum(vote.weight for vote in votes)
    weights: dict[bytes, int] = {}
    for vote in votes:
        if vote.answer is not None:
            weights[vote.answer] = weights.get(vote.answer, 0) + vote.weight
    if not weights:
        return TallyResult(State.VOID, None, 0, total, 0)
    winner = min(weights, key=lambda answer: (-weights[answer], keccak(task_id + answer)))
    outcome = State.SETTLED if weights[winner] * FULL_SCALE >= quorum_bps * total else State.INCONCLUSIVE
    supporters = sum(vote.answer == winner for vote in votes)
    return TallyResult(outcome, winner, weights[winner], total, supporters)


@dataclass(frozen=True, slots=True)
class Settlement:
    """Everything that `settle` decides about an awarded task; fields as in the event `TaskSettled`.

    `winner` is empty unless Settled. `refund_wei` is what the requester gets back now (the rest went back at award).
    """

    outcome: State
    winner: bytes
    winner_weight: int
    total_weight: int
    results: tuple[SeatResult, ...]
    refund_wei: int
    burnt_wei: int


def settle(
    task_id: bytes,
    task: Task,
    price_wei: int,
    votes: Sequence[Vote],
    agent_ids: Sequence[int],
    earned_words: Sequence[int],
) -> Settlement:
    """Outcome, pay and earned words of an awarded task.

    Args:
        price_wei: pay per seat, as awarded.
        votes, agent_ids, earned_words: one per seat, in order; the words are those before this settlement.

    Raises:
        InvalidInput: the three do not have one length.
    """
    if not len(votes) == len(agent_ids) == len(earned_words):
        raise InvalidInput(
            f"{len(votes)} votes, {len(agent_ids)} agents, {len(earned_words)} earned words",
            hint="give one of each a seat",
        )
    result = tally(task_id, votes, task.quorum_bps)
    settled = result.outcome is State.SETTLED
    seats = tuple(
        _close_seat(task, price_wei, result, seat, vote, agent_ids[seat], earned_words[seat])
        for seat, vote in enumerate(votes)
    )
    return Settlement(
        outcome=result.outcome,
        winner=(result.winner or b"") if settled else b"",
        winner_weight=result.winner_weight,
        total_weight=result.total_weight,
        results=seats,
        refund_wei=price_wei * len(votes) - sum(seat.pay_wei for seat in seats),
        burnt_wei=task.bond_wei * sum(not seat.revealed for seat in seats),
    )


def _close_seat(
    task: Task, price_wei: int, result: TallyResult, seat: int, vote: Vote, agent_id: int, earned: int
) -> SeatResult:
    revealed = vote.answer is not None
    settled = result.outcome is State.SETTLED
    won = settled and revealed and vote.answer == result.winner
    # A no-show always scores zero. A reveal is scored when the vote reached its quorum; a winner whom nobody agreed with earns
    # money, never reputation.
    scored = not revealed or (settled and not (won and result.supporters == 1))
    score_bps = FULL_SCALE if won else 0
    pay_wei = 0
    if revealed:
        pay_wei = price_wei if won else price_wei * task.base_bps // FULL_SCALE
    return SeatResult(
        seat=seat,
        agent_id=agent_id,
        score_bps=score_bps,
        revealed=revealed,
        scored=scored,
        pay_wei=pay_wei,
        bond_returned_wei=task.bond_wei if revealed else 0,
        earned=step_word(earned, task.requirement, score_bps) if scored else earned,
    )


def _weighted_mean(values: Sequence[int], weights: Sequence[int]) -> int:
    return sum(v * w for v, w in zip(values, weights, strict=True)) // sum(weights)


def _lanes(word: int) -> tuple[int, ...]:
    """Sixteen lanes, each 0…10000."""
    lanes = unpack_word(word)
    if not 0 <= word < 1 << (16 * LANES) or max(lanes) > FULL_SCALE:
        raise InvalidInput(
            f"{word:#x} is not a capability word", hint="sixteen lanes of 0…10000; see `pack_word`"
        )
    return lanes


def _requirement(word: int) -> tuple[int, ...]:
    if word == 0:
        raise InvalidInput("a requirement of zero asks for nothing", hint="set at least one lane above zero")
    return _lanes(word)
