"""Was the award what the bids and the ledger allow? Recomputes signatures, matches, weights, price, money returned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_abi import abi as eth_abi
from eth_abi.exceptions import DecodingError

from symphony.verify.agents import AgentAt, AgentFacts
from symphony.verify.checks import Checks
from symphony.verify.history import Entry, TaskHistory
from symphony.verify.reader import ChainReader
from symphony_chain.abi import MARKET, function
from symphony_chain.events import TaskAwarded
from symphony_chain.model.tally import match_bps, seat_weight
from symphony_chain.signing import recover_bid
from symphony_chain.types import Bid, SeatAward


@dataclass(frozen=True, slots=True)
class SeatFacts:
    """One seat as recomputed: the agent at the award, its match and its weight."""

    award: SeatAward
    agent: AgentAt
    match_bps: int
    weight: int


def check_award(
    reader: ChainReader, history: TaskHistory, awarded: Entry[TaskAwarded], facts: AgentFacts, checks: Checks
) -> list[SeatFacts]:
    """Checks of the award; returns the seats with what the ledger said of them at that moment."""
    task, event = history.task, awarded.event
    seats = [_seat_facts(seat, facts.at(seat.agent_id, awarded.at), task.requirement) for seat in event.seats]
    for seat in seats:
        subject = f"seat {seat.award.seat}"
        checks.equal("seat's wallet", seat.award.wallet, seat.agent.wallet, subject)
        checks.equal("seat's weight", seat.award.weight, seat.weight, subject)
        checks.holds(
            "seat matches the requirement",
            seat.match_bps >= task.min_match_bps,
            f"{seat.match_bps} bps of at least {task.min_match_bps}",
            subject,
        )
    owners = [seat.agent.owner for seat in seats]
    checks.holds(
        "owners are distinct", len(set(owners)) == len(owners), f"{len(set(owners))} of {len(owners)}"
    )
    checks.holds(
        "number of seats",
        task.min_seats <= len(seats) <= task.k,
        f"{len(seats)}, allowed {task.min_seats} to {task.k}",
    )
    award_s = reader.block_time_s(awarded.log.block_number)
    checks.holds("awarded in time", award_s <= task.bid_end_s, f"{award_s} of at most {task.bid_end_s}")
    _check_price(reader, history, awarded, seats, award_s, checks)
    returned_wei = task.escrow_wei - event.price_wei * len(seats)
    checks.equal("returned to the requester at award", event.returned_wei, returned_wei)
    return seats


def _seat_facts(award: SeatAward, agent: AgentAt, requirement: int) -> SeatFacts:
    return SeatFacts(
        award=award,
        agent=agent,
        match_bps=match_bps(agent.declared, requirement),
        weight=seat_weight(agent.declared, agent.earned, requirement),
    )


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
        valid = [bid for bid in own if recover_bid(domain, history.task_id, bid) == seat.agent.wallet]
        usable = [bid for bid in valid if bid.price_wei <= task.ceiling_wei and bid.expiry_s >= award_s]
        note = f"{len(usable)} of {len(own)} bids"
        if checks.holds("bid is signed, in time and under the ceiling", bool(usable), note, subject):
            asks.append(usable[0].price_wei)
    checks.equal("price is the highest seated ask", awarded.event.price_wei, max(asks, default=0))


def _bids_handed_in(
    reader: ChainReader, history: TaskHistory, awarded: Entry[TaskAwarded]
) -> list[Bid] | None:
    """The bids in the award's calldata, in the order in which the contract walked them."""
    tx = reader.transaction(awarded.log.tx_hash)
    if tx is None or tx.to != reader.deployment.market:
        return None
    for call in _calls(tx.data):
        if call[:4] == function(MARKET, "award").hash[:4]:
            values = _decoded("award", call)
            if (
                values is not None
                and bytes(values[0][-2]) == history.task.header
                and bytes(values[0][-1]) == history.task.salt
            ):
                return [Bid(raw[0], raw[1], raw[2], raw[3], bytes(raw[4])) for raw in values[1]]
    return None


def _calls(data: bytes) -> list[bytes]:
    """The call itself, or the calls of a batch."""
    if data[:4] != function(MARKET, "multicall").hash[:4]:
        return [data]
    values = _decoded("multicall", data)
    return [bytes(call) for call in values[0]] if values is not None else []


def _decoded(name: str, call: bytes) -> tuple[Any, ...] | None:
    try:
        return tuple(eth_abi.decode(function(MARKET, name).types, call[4:]))
    except DecodingError:
        return None
