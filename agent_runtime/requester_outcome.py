"""How a task ended, as its requester wants to know it. Pure: read from the chain's picture.

Knows nothing of how it came about.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent_runtime.chain_book import ChainBook, TaskView
from symphony_chain.model.tally import ANSWER_BYTES
from symphony_chain.types import State


@dataclass(frozen=True, slots=True)
class SeatOutcome:
    """One seat: ``answer`` is its inline text (None where not revealed, or too long to be inline)."""

    seat: int
    agent_id: int
    owner: str
    weight: int
    revealed: bool
    answer: str | None
    answer_digest: bytes
    score_bps: int
    pay_wei: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a task.

    Attributes:
        state: Settled, Inconclusive, Void, Expired or Cancelled.
        evaluated: whether the evaluator's scores came in time, and so replaced the vote's.
        answer: the winning answer where it was published inline; ``answer_digest`` names it in any case (empty unless Settled).
        paid_wei: to all seats after the score burn; the reward pool's share is in it.
        refund_wei: everything that came back to the requester's internal balance, the rest of the ceiling included.
        burnt_wei: what nobody has any more: score burn, what an evaluation took, and `lost_bonds_wei`.
        fee_wei: to the evaluator.
        posted_s, closed_s: block times.
    """

    task_id: bytes
    state: State
    answer: str | None
    answer_digest: bytes
    winner_weight: int
    total_weight: int
    evaluated: bool
    price_wei: int
    paid_wei: int
    refund_wei: int
    burnt_wei: int
    lost_bonds_wei: int
    fee_wei: int
    seats: tuple[SeatOutcome, ...]
    posted_s: int
    closed_s: int

    @property
    def spent_wei(self) -> int:
        """What the escrow became, bonds apart: equal to it for every closed task."""
        return self.paid_wei + self.refund_wei + self.fee_wei + self.burnt_wei - self.lost_bonds_wei


def outcome_of(view: TaskView, book: ChainBook) -> Outcome:
    """The outcome of a closed task."""
    settled = view.settled
    seats = _seats(view, book)
    answer, digest = _winner(view)
    returned_wei = view.award.returned_wei if view.award else 0
    if settled is not None:
        refund_wei = settled.refund_wei + returned_wei
    else:
        assert view.cancelled is not None
        refund_wei = view.cancelled.refund_wei
    return Outcome(
        task_id=view.task_id,
        state=view.state_at(view.touched.timestamp),
        answer=answer,
        answer_digest=digest,
        winner_weight=settled.winner_weight if settled else 0,
        total_weight=settled.total_weight if settled else 0,
        evaluated=settled.evaluated if settled else False,
        price_wei=view.price_wei,
        paid_wei=sum(seat.pay_wei for seat in seats),
        refund_wei=refund_wei,
        burnt_wei=settled.burnt_wei if settled else 0,
        lost_bonds_wei=view.task.bond_wei * sum(not seat.revealed for seat in seats),
        fee_wei=settled.fee_wei if settled else 0,
        seats=seats,
        posted_s=view.posted.timestamp,
        closed_s=view.touched.timestamp,
    )


def _seats(view: TaskView, book: ChainBook) -> tuple[SeatOutcome, ...]:
    if view.settled is None:
        return ()
    out = []
    for seat, result in zip(view.seats, view.settled.results, strict=True):
        reveal = view.reveals.get(seat.seat)
        agent = book.agent(seat.agent_id)
        out.append(
            SeatOutcome(
                seat=seat.seat,
                agent_id=seat.agent_id,
                owner=agent.owner if agent else "",
                weight=seat.weight,
                revealed=result.revealed,
                answer=_text(reveal.answer) if reveal else None,
                answer_digest=reveal.answer_digest if reveal else b"",
                score_bps=result.score_bps,
                pay_wei=result.pay_wei,
            )
        )
    return tuple(out)


def _winner(view: TaskView) -> tuple[str | None, bytes]:
    if view.settled is None or view.settled.outcome is not State.SETTLED:
        return None, b""
    matching = [r for r in view.reveals.values() if r.answer_digest[:ANSWER_BYTES] == view.settled.winner]
    inline = next((r.answer for r in matching if r.answer), b"")
    return _text(inline), matching[0].answer_digest if matching else b""


def _text(answer: bytes) -> str | None:
    """Inline answers are canonical UTF-8, but a hostile seat may reveal any bytes under 256."""
    return answer.decode("utf-8", "replace") if answer else None
