"""Was the task closed as its votes demand? Recomputes outcome, scores, pay, refund and earned words with the one tally."""

from __future__ import annotations

from symphony.verify.agents import AgentFacts
from symphony.verify.award import SeatFacts
from symphony.verify.checks import Checks
from symphony.verify.history import Entry, Position, TaskHistory
from symphony.verify.reader import ChainReader
from symphony_chain.events import AnswerRevealed, TaskCancelled, TaskSettled
from symphony_chain.model.tally import ANSWER_BYTES, Settlement, Vote, settle
from symphony_chain.types import State


def votes_of(seats: list[SeatFacts], reveals: dict[int, AnswerRevealed]) -> list[Vote]:
    """One vote a seat, with the recomputed weight."""
    return [
        Vote(
            seat.weight,
            reveals[seat.award.seat].answer_digest[:ANSWER_BYTES] if seat.award.seat in reveals else None,
        )
        for seat in seats
    ]


def recompute(
    history: TaskHistory, seats: list[SeatFacts], votes: list[Vote], facts: AgentFacts, at: Position
) -> Settlement:
    """The settlement of an awarded task as the model has it, were it settled at a position."""
    agent_ids = [seat.award.agent_id for seat in seats]
    earned = [facts.earned(agent_id, at) for agent_id in agent_ids]
    price_wei = history.awarded.event.price_wei if history.awarded else 0
    return settle(history.task_id, history.task, price_wei, votes, agent_ids, earned)


def check_settled(
    reader: ChainReader, history: TaskHistory, closed: Entry[TaskSettled], want: Settlement, checks: Checks
) -> None:
    """The event of a settled, inconclusive or void task, field by field and seat by seat."""
    have, task = closed.event, history.task
    checks.equal("outcome", have.outcome, want.outcome)
    checks.equal("winning answer", have.winner, want.winner)
    checks.equal("winner's weight", have.winner_weight, want.winner_weight)
    checks.equal("total weight", have.total_weight, want.total_weight)
    checks.equal("number of results", len(have.results), len(want.results))
    for mine, computed in zip(have.results, want.results, strict=False):
        subject = f"seat {computed.seat}"
        checks.equal("agent paid", mine.agent_id, computed.agent_id, subject)
        checks.equal("revealed", mine.revealed, computed.revealed, subject)
        checks.equal("score", (mine.scored, mine.score_bps), (computed.scored, computed.score_bps), subject)
        checks.equal("pay", mine.pay_wei, computed.pay_wei, subject)
        checks.equal("bond returned", mine.bond_returned_wei, computed.bond_returned_wei, subject)
        checks.equal("earned word after", mine.earned, computed.earned, subject)
    checks.equal("refund to the requester", have.refund_wei, want.refund_wei)
    checks.equal("burnt", have.burnt_wei, want.burnt_wei)
    awarded = history.awarded.event if history.awarded else None
    out_wei = (
        (awarded.returned_wei if awarded else 0) + sum(r.pay_wei for r in have.results) + have.refund_wei
    )
    checks.equal("every wei of the escrow is accounted for", out_wei, task.escrow_wei)
    _check_time(reader, history, closed, checks)


def _check_time(
    reader: ChainReader, history: TaskHistory, closed: Entry[TaskSettled], checks: Checks
) -> None:
    """Nobody may close a task while a seat may still act."""
    task, seats = history.task, len(history.awarded.event.seats) if history.awarded else 0
    time_s = reader.block_time_s(closed.log.block_number)
    waiting_s = 0
    if len(history.commits) < seats:
        waiting_s = task.commit_end_s
    if len(history.reveals) < len(history.commits):
        waiting_s = task.reveal_end_s
    checks.holds(
        "closed only when nobody could still act",
        time_s > waiting_s,
        f"at {time_s}, seats had until {waiting_s}",
    )


def check_unawarded(
    reader: ChainReader,
    history: TaskHistory,
    closed: Entry[TaskSettled] | Entry[TaskCancelled],
    checks: Checks,
) -> None:
    """An expired or cancelled task gives the whole escrow back."""
    event, task = closed.event, history.task
    checks.equal("refund to the requester", event.refund_wei, task.escrow_wei)
    checks.holds(
        "closed without an award",
        history.awarded is None,
        "no award" if history.awarded is None else "awarded",
    )
    if isinstance(event, TaskSettled):
        time_s = reader.block_time_s(closed.log.block_number)
        checks.equal("outcome", event.outcome, State.EXPIRED)
        checks.equal("burnt", event.burnt_wei, 0)
        checks.holds(
            "expired after the bids ended",
            time_s > task.bid_end_s,
            f"at {time_s}, bids ended {task.bid_end_s}",
        )
