"""What the children of a plan leave of its weight, as `contracts/Plans.sol` has it, from the children's own histories."""

from __future__ import annotations

from dataclasses import replace

from symphony.verify.agents import AgentAt, AgentFacts
from symphony.verify.award import SeatFacts
from symphony.verify.checks import Checks
from symphony.verify.history import Entry, Position, TaskHistory, load_history
from symphony.verify.reader import ChainReader
from symphony_chain.errors import NotFound
from symphony_chain.events import AnswerRevealed, PlanRevealed, TaskSettled
from symphony_chain.signing import plan_evidence
from symphony_chain.types import Kind, State


def check_plans(
    reader: ChainReader,
    history: TaskHistory,
    seats: list[SeatFacts],
    reveals: dict[int, AnswerRevealed],
    facts: AgentFacts,
    checks: Checks,
) -> list[SeatFacts]:
    """The seats with the weights that they vote with; those of other tasks as they are."""
    if history.task.kind != Kind.PLAN:
        return seats
    opened = {entry.event.seat: entry for entry in history.plans}
    weighed = list(seats)
    for number in sorted(reveals):
        subject, entry = f"seat {number}", opened.get(number)
        if not checks.holds("a plan names its children", entry is not None, "", subject) or entry is None:
            continue
        event = entry.event
        evidence = plan_evidence(event.trace_digest, event.children)
        checks.equal("children are those committed to", reveals[number].evidence_digest, evidence, subject)
        weight = _weight(reader, history, seats[number], entry, facts)
        checks.equal("weight of the plan", event.weight, weight, subject)
        weighed[number] = replace(seats[number], weight=weight)
    return weighed


def _weight(
    reader: ChainReader, history: TaskHistory, seat: SeatFacts, entry: Entry[PlanRevealed], facts: AgentFacts
) -> int:
    """The least of the award's weight and the mean weight of the winning seats of all children that count."""
    planner = facts.at(seat.award.agent_id, entry.at)
    weights = [w for child in entry.event.children for w in _winners(reader, history, child, planner, entry.at, facts)]
    return min(seat.award_weight, sum(weights) // len(weights)) if weights else seat.award_weight


def _winners(
    reader: ChainReader, plan: TaskHistory, child: bytes, planner: AgentAt, at: Position, facts: AgentFacts
) -> list[int]:
    """Weights of a child's winning seats; none unless it settled in time, is the planner's, and none of its work is."""
    try:
        history = load_history(reader, child)
    except NotFound:
        return []
    closed = history.closed
    if closed is None or closed.at > at or not isinstance(closed.event, TaskSettled):
        return []
    in_time = reader.block_time_s(closed.log.block_number) <= plan.task.commit_end_s
    ours = history.task.parent == plan.task_id and history.task.requester in (planner.owner, planner.wallet)
    if closed.event.outcome is not State.SETTLED or not in_time or not ours:
        return []
    results = closed.event.results
    if any(facts.at(result.agent_id, at).owner == planner.owner for result in results):
        return []
    return [result.weight for result in results if result.won]
