"""Why a task is where it is: the funnel from all agents to the seated ones, and who may act next. Pure.

Reads declared words as they are now: an agent that changed them after the award is shown by its new word. Agents'
private reasons for not bidding are not on chain; the worker keeps them.
"""

from __future__ import annotations

from api.reader import TaskFacts
from api.schema.task import Explain, FunnelReason, FunnelStage, NextStep, StateName
from api.words import SKIP_WORDS, STATE_WORDS
from symphony_chain.errors import InvalidInput
from symphony_chain.model.tally import match_bps

_Reasons = dict[tuple[str, str], list[int]]


def explain(facts: TaskFacts) -> Explain:
    """The funnel and the next step of a task."""
    record, requirement = facts.record, facts.task.requirement
    registered = [agent.agent_id for agent in facts.agents]
    declared = [agent for agent in facts.agents if agent.declared]
    matching = {a.agent_id for a in declared if _match(a.declared, requirement) >= facts.task.min_match_bps}
    bidders = {bid.agent_id for bid in facts.bids}
    seated = {seat.agent_id for seat in facts.seats}
    reasons: _Reasons = {}
    for agent_id in sorted(set(registered) - {a.agent_id for a in declared}):
        reasons.setdefault(("declares_page", "page_not_declared"), []).append(agent_id)
    for agent in declared:
        if agent.agent_id not in matching:
            reasons.setdefault(("matches", "match_low"), []).append(agent.agent_id)
    for agent_id in sorted(matching - bidders - seated):
        reasons.setdefault(("bid", "no_bid"), []).append(agent_id)
    for agent_id, reason in _not_seated(facts, seated):
        reasons.setdefault(("seated", reason), []).append(agent_id)
    stages = (
        ("registered", "agents registered", len(registered)),
        ("declares_page", "declare this skill page", len(declared)),
        ("matches", f"match at least {facts.task.min_match_bps / 100:g} %", len(matching)),
        ("bid", "bid", len(bidders)),
        ("seated", f"seated of {record.k} wanted", len(seated)),
    )
    return Explain(
        block=record.block,
        finality=record.finality,
        task_id=record.id,
        state=record.state,
        meaning=STATE_WORDS[record.state],
        next=next_step(record.state, facts),
        stages=tuple(FunnelStage.model_validate({"name": n, "label": t, "count": c}) for n, t, c in stages),
        reasons=tuple(_reason(stage, reason, agents) for (stage, reason), agents in reasons.items()),
    )


def _not_seated(facts: TaskFacts, seated: set[int]) -> list[tuple[int, str]]:
    """Bidders without a seat, each with the contract's last reason, or that the seats went to others."""
    last = {skip.agent_id: skip.reason for skip in facts.skips}
    passed = {bid.agent_id: "SEATS_TAKEN" for bid in facts.bids if bid.outcome == "passed_over"}
    return [(agent_id, reason) for agent_id, reason in sorted((passed | last).items()) if agent_id not in seated]


def next_step(state: StateName, facts: TaskFacts) -> NextStep | None:
    """Who may act next, and until when; None for a closed task."""
    record = facts.record
    if state == "open":
        if len({bid.agent_id for bid in facts.bids}) < facts.task.min_seats:
            return NextStep(actor="agents", action="bid", by_s=record.bid_end_s)
        return NextStep(actor="requester or router", action="award seats", by_s=record.bid_end_s)
    if state == "free" or (state == "awarded" and record.free_seats):
        return NextStep(actor="any agent that matches", action="take a free seat", by_s=record.commit_end_s)
    if state == "awarded":
        waiting = [seat.agent_id for seat in facts.seats if seat.commitment is None]
        if not waiting:
            return NextStep(actor=_agents([seat.agent_id for seat in facts.seats]), action="reveal", by_s=record.reveal_end_s)
        return NextStep(actor=_agents(waiting), action="commit an answer", by_s=record.commit_end_s)
    if state == "revealing":
        waiting = [s.agent_id for s in facts.seats if s.commitment is not None and s.answer_digest is None]
        if waiting:
            return NextStep(actor=_agents(waiting), action="reveal", by_s=record.reveal_end_s)
        return _closer(facts)
    if state == "evaluating":
        return NextStep(actor="evaluator", action="score the answers", by_s=record.evaluation_end_s)
    if state in ("unawarded", "closing"):
        return NextStep(actor="anyone", action="settle", by_s=None)
    return None


def _closer(facts: TaskFacts) -> NextStep:
    """Who closes a task whose answers are all open: an evaluator has its window first."""
    if facts.task.evaluation_window_s:
        return NextStep(actor="evaluator", action="score the answers", by_s=facts.record.evaluation_end_s)
    return NextStep(actor="anyone", action="settle", by_s=None)


def _agents(agent_ids: list[int]) -> str:
    names = ", ".join(str(agent_id) for agent_id in agent_ids)
    return f"agent {names}" if len(agent_ids) == 1 else f"agents {names}"


def _match(declared: int, requirement: int) -> int:
    try:
        return match_bps(declared, requirement)
    except InvalidInput:
        return 0


def _reason(stage: str, reason: str, agent_ids: list[int]) -> FunnelReason:
    labels = SKIP_WORDS | {
        "page_not_declared": "no word on this skill page",
        "match_low": "declared skills match too little",
        "no_bid": "matched, but did not bid",
        "SEATS_TAKEN": "bid, but the seats went to others",
    }
    return FunnelReason.model_validate(
        {"stage": stage, "reason": reason.lower(), "label": labels.get(reason, reason), "agent_ids": tuple(agent_ids)}
    )
