"""Were the seats given as the bids and the ledger allow? Recomputes signatures, matches, weights, price, money returned."""

from __future__ import annotations

from dataclasses import dataclass

from symphony.verify.agents import AgentAt, AgentFacts
from symphony.verify.calls import market_calls
from symphony.verify.checks import Checks
from symphony.verify.history import Entry, TaskHistory
from symphony.verify.reader import ChainReader
from symphony_chain.events import TaskAwarded
from symphony_chain.model.tally import match_bps, seat_weight
from symphony_chain.signing import recover_bid
from symphony_chain.types import Bid, SeatAward


@dataclass(frozen=True, slots=True)
class SeatFacts:
    """One seat as recomputed: the agent at the award, its match and weight then, and the weight that it votes with."""

    award: SeatAward
    agent: AgentAt
    match_bps: int
    award_weight: int
    weight: int


def check_seats(
    reader: ChainReader, history: TaskHistory, facts: AgentFacts, checks: Checks
) -> list[SeatFacts]:
    """Checks of the award, or of every seat taken; returns the seats with what the ledger said of them at that moment."""
    task = history.task
    seats = [_seat_facts(seat, facts.at(seat.agent_id, at), task.requirement) for at, seat in history.seats]
    if not seats:
        return []
    for number, seat in enumerate(seats):
        subject = f"seat {number}"
        checks.equal("seat's number", seat.award.seat, number, subject)
        checks.equal("seat's wallet", seat.award.wallet, seat.agent.wallet, subject)
        checks.equal("seat's weight", seat.award.weight, seat.award_weight, subject)
        checks.holds(
            "seat matches the requirement",
            seat.match_bps >= task.min_match_bps,
            f"{seat.match_bps} bps of at least {task.min_match_bps}",
            subject,
        )
        # Owners as they are when this seat is given: agents change hands.
        others = [facts.at(other.award.agent_id, history.seats[number][0]).owner for other in seats[:number]]
        checks.holds("owners are distinct", seat.agent.owner not in others, seat.agent.owner, subject)
    least = task.min_seats if history.awarded else 1
    checks.holds(
        "number of seats", least <= len(seats) <= task.k, f"{len(seats)}, allowed {least} to {task.k}"
    )
    if history.awarded is not None:
        _check_award(reader, history, history.awarded, seats, checks)
    _check_taken(reader, history, checks)
    return seats


def _check_award(
    reader: ChainReader,
    history: TaskHistory,
    awarded: Entry[TaskAwarded],
    seats: list[SeatFacts],
    checks: Checks,
) -> None:
    task = history.task
    award_s = reader.block_time_s(awarded.log.block_number)
    checks.holds("awarded in time", award_s <= task.bid_end_s, f"{award_s} of at most {task.bid_end_s}")
    _check_price(reader, history, awarded, seats, award_s, checks)
    returned_wei = task.ceiling_wei * task.k - awarded.event.price_wei * len(seats)
    checks.equal("returned to the requester at award", awarded.event.returned_wei, returned_wei)


def _check_taken(reader: ChainReader, history: TaskHistory, checks: Checks) -> None:
    """Seats are taken only in open tasks that nobody awarded, between the end of bids and that of commitments."""
    task = history.task
    for entry in history.taken:
        time_s = reader.block_time_s(entry.log.block_number)
        checks.holds(
            "taken while it was free",
            task.open and history.awarded is None and task.bid_end_s < time_s <= task.commit_end_s,
            f"at {time_s}, free after {task.bid_end_s} until {task.commit_end_s}",
            f"seat {entry.event.award.seat}",
        )


def _seat_facts(award: SeatAward, agent: AgentAt, requirement: int) -> SeatFacts:
    weight = seat_weight(agent.declared, agent.earned, requirement)
    return SeatFacts(award, agent, match_bps(agent.declared, requirement), weight, weight)


def _check_price(
    reader: ChainReader,
    history: TaskHistory,
    awarded: Entry[TaskAwarded],
    seats: list[SeatFacts],
    award_s: int,
    checks: Checks,
) -> None:
    """Every seat is paid the highest seated ask; each seated bid is signed by its agent's wallet and fits the task."""
    task, domain = history.task, reader.deployment.domain
    bids = _bids_handed_in(reader, history, awarded)
    if bids is None:
        checks.skip(
            "price is the highest seated ask",
            "the award came through another contract: its bids are not readable",
        )
        return
    asks: list[int] = []
    for seat in seats:
        subject = f"seat {seat.award.seat}"
        own = [bid for bid in bids if bid.agent_id == seat.award.agent_id]
        by_code = reader.has_code(seat.agent.wallet)
        valid = [bid for bid in own if by_code or recover_bid(domain, history.task_id, bid) == seat.agent.wallet]
        usable = [bid for bid in valid if bid.price_wei <= task.ceiling_wei and bid.expiry_s >= award_s]
        note = f"{len(usable)} of {len(own)} bids"
        if checks.holds("bid is signed, in time and under the ceiling", bool(usable), note, subject):
            asks.append(usable[0].price_wei)
    checks.equal("price is the highest seated ask", awarded.event.price_wei, max(asks, default=0))


def _bids_handed_in(
    reader: ChainReader, history: TaskHistory, awarded: Entry[TaskAwarded]
) -> list[Bid] | None:
    """The bids in the award's calldata, in the order in which the contract walked them."""
    for task, bids, _ in market_calls(reader, awarded.log.tx_hash, "award", "hire"):
        if task == history.task.words():
            return [Bid.from_words(terms, bytes(signature)) for terms, signature in bids]
    return None
