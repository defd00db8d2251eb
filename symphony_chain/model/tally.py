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
from symphony_chain.types import NATIVE, SeatResult, State, Task

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
    mean = proven_match_bps(declared, earned, requirement)
    return max(1, mean * mean // FULL_SCALE)


def proven_match_bps(declared: int, earned: int, requirement: int) -> int:
    """match(c, r) with c = min(declared, max(earned, FLOOR)): the match that a seat's weight is the square of.

    Raises:
        InvalidInput: as `match_bps`.
    """
    proven = [min(d, max(e, FLOOR_BPS)) for d, e in zip(_lanes(declared), _lanes(earned), strict=True)]
    return _weighted_mean(proven, _requirement(requirement))


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


def tally(task_id: bytes, votes: Sequence[Vote], quorum_bps: int, min_seats: int = 1) -> TallyResult:
    """Heaviest answer; Settled iff its weight · 10000 ≥ quorum · the weight of all seats, of which there are `min_seats`; Void
    where nobody revealed.

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
    enough = len(votes) >= min_seats and weights[winner] * FULL_SCALE >= quorum_bps * total
    outcome = State.SETTLED if enough else State.INCONCLUSIVE
    supporters = sum(vote.answer == winner for vote in votes)
    return TallyResult(outcome, winner, weights[winner], total, supporters)


@dataclass(frozen=True, slots=True)
class ScoreRules:
    """When a settlement moves reputation, and what that costs: constants of a deployment (DESIGN 3.2)."""

    token: str = NATIVE
    least_price_wei: int = 0
    burn_bps: int = 0


@dataclass(frozen=True, slots=True)
class Settlement:
    """Everything that `settle` decides about an awarded task; fields as in the event `TaskSettled`.

    `winner` is empty unless Settled. `refund_wei` is what the requester gets back now (the rest went back at award).
    `shared_wei` of the seats' pay goes to the reward pool, `fee_wei` to the evaluator.
    """

    outcome: State
    winner: bytes
    winner_weight: int
    total_weight: int
    evaluated: bool
    results: tuple[SeatResult, ...]
    refund_wei: int
    burnt_wei: int
    fee_wei: int
    shared_wei: int


def settle(
    task_id: bytes,
    task: Task,
    price_wei: int,
    votes: Sequence[Vote],
    agent_ids: Sequence[int],
    earned_words: Sequence[int],
    *,
    rules: ScoreRules,
    free_seats: int = 0,
    scores_bps: Sequence[int] | None = None,
) -> Settlement:
    """Outcome, pay and earned words of an awarded task.

    Args:
        price_wei: pay per seat, as awarded.
        votes, agent_ids, earned_words: one per seat, in order; the words are those before this settlement.
        free_seats: seats of an open task that nobody took; their ceilings go back.
        scores_bps: the evaluator's, one per seat, where they came in time.

    Raises:
        InvalidInput: the sequences do not have one length.
    """
    if not len(votes) == len(agent_ids) == len(earned_words) == len(votes if scores_bps is None else scores_bps):
        raise InvalidInput(
            f"{len(votes)} votes, {len(agent_ids)} agents, {len(earned_words)} earned words",
            hint="give one of each a seat",
        )
    vote = tally(task_id, votes, task.quorum_bps, task.min_seats)
    scoring = price_wei >= rules.least_price_wei and task.token == rules.token
    seats: list[SeatResult] = []
    taken_wei = 0
    for seat, cast in enumerate(votes):
        score = scores_bps[seat] if scores_bps is not None else None
        judged = _judge(task, price_wei, vote, cast, score, alone=len(votes) == 1)
        scored = scoring and judged.may_score
        burn_wei = judged.pay_wei * rules.burn_bps // FULL_SCALE if scored else 0
        taken_wei += judged.forfeit_wei + burn_wei
        earned = earned_words[seat]
        seats.append(
            SeatResult(
                seat=seat,
                agent_id=agent_ids[seat],
                score_bps=judged.score_bps,
                weight=cast.weight,
                pay_wei=judged.pay_wei - burn_wei,
                revealed=cast.answer is not None,
                scored=scored,
                won=judged.won,
                earned=step_word(earned, task.requirement, judged.score_bps) if scored else earned,
            )
        )
    evaluated = scores_bps is not None and vote.outcome is not State.VOID
    fee_wei = task.evaluation_fee_wei if evaluated else 0
    paid_wei = sum(seat.pay_wei for seat in seats)
    return Settlement(
        outcome=vote.outcome,
        winner=(vote.winner or b"") if vote.outcome is State.SETTLED else b"",
        winner_weight=vote.winner_weight,
        total_weight=vote.total_weight,
        evaluated=evaluated,
        results=tuple(seats),
        refund_wei=price_wei * (len(votes) + free_seats) + task.evaluation_fee_wei - fee_wei - paid_wei - taken_wei,
        burnt_wei=taken_wei + task.bond_wei * sum(not seat.revealed for seat in seats),
        fee_wei=fee_wei,
        shared_wei=sum(shared_wei(task, seat) for seat in seats),
    )


def shared_wei(task: Task, result: SeatResult) -> int:
    """Part of a seat's pay that goes to the reward pool."""
    return result.pay_wei * task.shared_bps // FULL_SCALE


def credit_wei(task: Task, result: SeatResult) -> int:
    """What a closed seat adds to its agent's account: pay without the pool's part, and the bond of one that revealed."""
    return result.pay_wei - shared_wei(task, result) + bond_returned_wei(task, result)


def bond_returned_wei(task: Task, result: SeatResult) -> int:
    """The bond, of a seat that revealed."""
    return task.bond_wei if result.revealed else 0


def pay_for(task: Task, price_wei: int, score_bps: int) -> int:
    """price · (base + (1 − base) · score), rounded down."""
    share = task.base_bps * FULL_SCALE + (FULL_SCALE - task.base_bps) * score_bps
    return price_wei * share // FULL_SCALE**2


@dataclass(frozen=True, slots=True)
class _Judged:
    """One seat before the score burn; `forfeit_wei` is what an evaluation took of what the vote would have paid."""

    score_bps: int
    pay_wei: int
    forfeit_wei: int
    won: bool
    may_score: bool


def _judge(task: Task, price_wei: int, vote: TallyResult, cast: Vote, score_bps: int | None, *, alone: bool) -> _Judged:
    if cast.answer is None:
        return _Judged(0, 0, 0, won=False, may_score=True)  # a no-show always scores zero
    settled = vote.outcome is State.SETTLED
    won = settled and cast.answer == vote.winner
    by_vote_wei = pay_for(task, price_wei, FULL_SCALE if won else 0)
    if score_bps is not None:
        pay_wei = pay_for(task, price_wei, score_bps)
        # A seat that was alone earns money, never reputation. Nobody may gain by a harsh evaluation.
        return _Judged(score_bps, pay_wei, max(0, by_vote_wei - pay_wei), won, may_score=not alone)
    # A winner whom nobody agreed with proves nothing of anybody: money moves, reputation does not.
    may_score = settled and vote.supporters > 1
    return _Judged(FULL_SCALE if won else 0, by_vote_wei, 0, won, may_score)


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
