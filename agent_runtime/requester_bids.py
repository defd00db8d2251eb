"""Which bids of a task are usable, why the others are not, and the funnel from all agents to the seats. Pure.

Reads the `ChainBook`; knows no money and sends nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from agent_runtime.chain_book import AgentView, ChainBook, TaskView, bid_of
from agent_runtime.routing.screen import Candidate, Router
from symphony_chain.events import BidPosted
from symphony_chain.model.tally import match_bps
from symphony_chain.types import MAX_BIDS, ZERO_ADDRESS, Bid, Task


@dataclass(frozen=True, slots=True)
class Sorted:
    """The usable bids, one per agent, and for the rest the reason: replaced, expired, price_above_ceiling, match_low,
    unknown_agent.
    """

    usable: dict[int, BidPosted]
    refused: tuple[tuple[BidPosted, str], ...]


@dataclass(frozen=True, slots=True)
class Funnel:
    """From all agents to the seats of one task: how many passed each stage, and why the others did not."""

    agents: int
    page_matches: int
    match_enough: int
    bid: int
    usable: int
    seated: int
    reasons: Mapping[str, int]

    def as_json(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.__slots__[:-1]} | {"reasons": dict(self.reasons)}


def sort_bids(book: ChainBook, view: TaskView, timestamp_s: int) -> Sorted:
    """The bids that the contract would accept in a block of that time, as far as the ledger tells."""
    usable: dict[int, BidPosted] = {}
    refused: list[tuple[BidPosted, str]] = []
    for event in view.bids:
        reason = _fault(book.agent(event.agent_id), event, view.task, timestamp_s)
        if reason is not None:
            refused.append((event, reason))
            continue
        if event.agent_id in usable:
            refused.append((usable[event.agent_id], "replaced"))
        usable[event.agent_id] = event
    return Sorted(usable, tuple(refused))


def choose_bids(book: ChainBook, view: TaskView, timestamp_s: int, router: Router) -> list[Bid]:
    """What to pass to `award`: best first, one per owner, spares included; the contract seats the first k."""
    usable = sort_bids(book, view, timestamp_s).usable
    candidates = [_candidate(book, view.task, event) for event in usable.values()]
    ranked = router.rank(candidates, ceiling_wei=view.task.ceiling_wei, limit=max(1, len(candidates)))
    owners: set[str] = set()
    chosen: list[Bid] = []
    for item in ranked:
        agent = book.agent(item.candidate.agent_id)
        assert agent is not None
        if agent.owner not in owners:
            owners.add(agent.owner)
            chosen.append(bid_of(usable[item.candidate.agent_id]))
    return chosen[:MAX_BIDS]


def funnel(book: ChainBook, view: TaskView, timestamp_s: int) -> Funnel:
    """Where the agents dropped out. An agent that matched and did not bid keeps its reason to itself (`agent status` there)."""
    task, reasons = view.task, Counter[str]()
    agents = list(book.agents())
    on_page = [agent for agent in agents if task.page_id in agent.declared]
    enough = {a.agent_id for a in on_page if match_bps(a.declared[task.page_id], task.requirement) >= task.min_match_bps}
    bidders = {event.agent_id for event in view.bids}
    # Bids are judged by the time of the award where there was one.
    judged_s = min(timestamp_s, task.bid_end_s)
    sorted_bids = sort_bids(book, view, judged_s)
    seated = {seat.agent_id for seat in view.seats}
    reasons["page_unknown"] = len(agents) - len(on_page)
    reasons["match_low"] = len(on_page) - len(enough)
    reasons["no_bid"] = len(enough - bidders - seated)
    reasons.update(reason for _, reason in sorted_bids.refused)
    skipped = {event.agent_id: f"skipped_{event.reason.name.lower()}" for event in view.skips}
    reasons.update(skipped.values())
    if view.award is not None:
        reasons["not_chosen"] = len(set(sorted_bids.usable) - seated - set(skipped))
    return Funnel(
        agents=len(agents),
        page_matches=len(on_page),
        match_enough=len(enough),
        bid=len(bidders),
        usable=len(sorted_bids.usable),
        seated=len(seated),
        reasons={reason: count for reason, count in sorted(reasons.items()) if count},
    )


def _fault(agent: AgentView | None, event: BidPosted, task: Task, timestamp_s: int) -> str | None:
    if agent is None or agent.owner == ZERO_ADDRESS:
        return "unknown_agent"
    if event.expiry_s < timestamp_s:
        return "expired"
    if event.price_wei > task.ceiling_wei:
        return "price_above_ceiling"
    if match_bps(agent.declared.get(task.page_id, 0), task.requirement) < task.min_match_bps:
        return "match_low"
    return None


def _candidate(book: ChainBook, task: Task, event: BidPosted) -> Candidate:
    agent = book.agent(event.agent_id)
    assert agent is not None
    return Candidate(
        agent_id=event.agent_id,
        match_bps=match_bps(agent.declared.get(task.page_id, 0), task.requirement),
        earned_bps=match_bps(agent.earned.get(task.page_id, 0), task.requirement),
        confidence_bps=min(event.confidence_bps, 10_000),
        price_wei=event.price_wei,
        seats=agent.seats,
        no_shows=agent.no_shows,
    )
