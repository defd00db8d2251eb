"""Was the task closed as its votes demand? Recomputes outcome, scores, pay, burn, refund and earned words with the one tally."""

from __future__ import annotations

from symphony.verify.agents import AgentFacts
from symphony.verify.award import SeatFacts
from symphony.verify.calls import market_calls
from symphony.verify.checks import Checks
from symphony.verify.history import Entry, Position, TaskHistory
from symphony.verify.reader import ChainReader
from symphony_chain.events import AnswerRevealed, TaskCancelled, TaskSettled
from symphony_chain.model.tally import (
    ANSWER_BYTES,
    ScoreRules,
    Settlement,
    Vote,
    bond_returned_wei,
    settle,
)
from symphony_chain.signing import recover
from symphony_chain.types import ZERO_ADDRESS, State, receipt_digest


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
    history: TaskHistory,
    closed: Entry[TaskSettled],
    seats: list[SeatFacts],
    votes: list[Vote],
    facts: AgentFacts,
    rules: ScoreRules,
) -> Settlement:
    """The settlement of a task with seats as the model has it; of its inputs only the evaluator's scores are the event's."""
    at = Position(closed.log.block_number, closed.log.log_index)
    agent_ids = [seat.award.agent_id for seat in seats]
    scores = [result.score_bps for result in closed.event.results] if closed.event.evaluated else None
    return settle(
        history.task_id,
        history.task,
        history.price_wei,
        votes,
        agent_ids,
        [facts.earned(agent_id, at) for agent_id in agent_ids],
        rules=rules,
        free_seats=history.free,
        scores_bps=scores if scores is None or len(scores) == len(votes) else [0] * len(votes),
    )


def check_settled(
    reader: ChainReader, history: TaskHistory, closed: Entry[TaskSettled], want: Settlement, checks: Checks
) -> None:
    """The event of a settled, inconclusive or void task, field by field and seat by seat."""
    have, task = closed.event, history.task
    checks.equal("outcome", have.outcome, want.outcome)
    checks.equal("winning answer", have.winner, want.winner)
    checks.equal("winner's weight", have.winner_weight, want.winner_weight)
    checks.equal("total weight", have.total_weight, want.total_weight)
    checks.equal("evaluated", have.evaluated, want.evaluated)
    checks.equal("number of results", len(have.results), len(want.results))
    for mine, computed in zip(have.results, want.results, strict=False):
        subject = f"seat {computed.seat}"
        checks.equal("agent paid", mine.agent_id, computed.agent_id, subject)
        checks.equal("weight voted with", mine.weight, computed.weight, subject)
        checks.equal("revealed", mine.revealed, computed.revealed, subject)
        checks.equal("won", mine.won, computed.won, subject)
        checks.equal("score", (mine.scored, mine.score_bps), (computed.scored, computed.score_bps), subject)
        checks.equal("pay", mine.pay_wei, computed.pay_wei, subject)
        checks.equal("earned word after", mine.earned, computed.earned, subject)
    checks.equal("refund to the requester", have.refund_wei, want.refund_wei)
    checks.equal("burnt", have.burnt_wei, want.burnt_wei)
    checks.equal("fee to the evaluator", have.fee_wei, want.fee_wei)
    checks.equal("every wei of the escrow is accounted for", _out_wei(history, have), task.escrow_wei)
    _check_evaluation(reader, history, closed, checks)
    _check_time(reader, history, closed, checks)


def _out_wei(history: TaskHistory, event: TaskSettled) -> int:
    """Where the escrow went: back, to the seats and the pool, to the evaluator, or nowhere (lost bonds were never of it)."""
    returned_wei = history.awarded.event.returned_wei if history.awarded else 0
    paid_wei = sum(result.pay_wei for result in event.results)
    bonds_wei = sum(history.task.bond_wei - bond_returned_wei(history.task, result) for result in event.results)
    return returned_wei + paid_wei + event.refund_wei + event.fee_wei + event.burnt_wei - bonds_wei


def _check_evaluation(
    reader: ChainReader, history: TaskHistory, closed: Entry[TaskSettled], checks: Checks
) -> None:
    """Scores are the evaluator's own, and came in its window."""
    event, task, evaluator = closed.event, history.task, history.task.evaluator
    if not event.evaluated:
        return
    time_s = reader.block_time_s(closed.log.block_number)
    checks.holds(
        "scored in time",
        evaluator != ZERO_ADDRESS and time_s <= task.evaluation_end_s,
        f"at {time_s}, scores until {task.evaluation_end_s}",
    )
    tx = reader.transaction(closed.log.tx_hash)
    calls = market_calls(reader, closed.log.tx_hash, "evaluate")
    call = next((call for call in calls if call[0] == task.words()), None)
    if call is None or tx is None:
        checks.skip("scores are the evaluator's", "they came through another contract: the call is not readable")
        return
    _, scores, signature = call
    message = {"taskId": history.task_id, "scores": scores}
    signer = recover(reader.deployment.domain, "Evaluate", message, signature) if signature else tx.sender
    signed = signer == evaluator or (bool(signature) and reader.has_code(evaluator))
    checks.holds("scores are the evaluator's", signed, f"signed by {signer}, the evaluator is {evaluator}")
    for result in event.results:
        want = (scores >> (16 * result.seat)) & 0xFFFF if result.revealed else 0
        checks.equal("score given", result.score_bps, want, f"seat {result.seat}")


def _check_time(
    reader: ChainReader, history: TaskHistory, closed: Entry[TaskSettled], checks: Checks
) -> None:
    """Nobody may close a task while a seat, or somebody who takes one, or the evaluator may still act."""
    task = history.task
    time_s = reader.block_time_s(closed.log.block_number)
    waiting_s = 0
    if history.free or len(history.commits) < len(history.seats):
        waiting_s = task.commit_end_s
    if len(history.reveals) < len(history.commits):
        waiting_s = task.reveal_end_s
    # The scores of a void task count for nothing, so its event does not say whether it was the evaluator that closed it.
    if task.evaluator != ZERO_ADDRESS and not closed.event.evaluated and closed.event.outcome is not State.VOID:
        waiting_s = task.evaluation_end_s
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
        not history.seats,
        "nobody was seated" if not history.seats else f"{len(history.seats)} seats",
    )
    if isinstance(event, TaskSettled):
        end_s = task.commit_end_s if task.open else task.bid_end_s
        time_s = reader.block_time_s(closed.log.block_number)
        checks.equal("outcome", event.outcome, State.EXPIRED)
        checks.equal("burnt", event.burnt_wei, 0)
        checks.equal("fee to the evaluator", event.fee_wei, 0)
        checks.equal("number of results", len(event.results), 0)
        checks.holds(
            "expired when nobody could be seated any more", time_s > end_s, f"at {time_s}, seats until {end_s}"
        )


def check_receipt(
    reader: ChainReader, history: TaskHistory, closed: Entry[TaskSettled] | Entry[TaskCancelled], checks: Checks
) -> None:
    """The contract keeps outcome, time and a digest of winner and results: the event must be of these."""
    event = closed.event
    outcome, closed_s, digest = reader.closing(history.task_id)
    settled = event if isinstance(event, TaskSettled) and event.results else None
    want = receipt_digest(settled.winner, settled.results) if settled is not None else bytes(26)
    checks.equal("the contract agrees on when it closed", closed_s, reader.block_time_s(closed.log.block_number))
    checks.equal("the contract's receipt is of this winner and these results", digest, want)
    checks.equal(
        "the contract's receipt names the outcome",
        outcome,
        event.outcome if isinstance(event, TaskSettled) else State.CANCELLED,
    )
