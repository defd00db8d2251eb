"""The receipt of a task: every hash, weight and payout recomputed from the chain alone, with each check's result.

Needs a `ChainReader`; texts that are not on chain come from a fetcher and are hashed before they are read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from symphony.verify.agents import AgentFacts
from symphony.verify.answers import Fetch, Texts, check_answers, check_openings, check_texts
from symphony.verify.award import SeatFacts, check_seats
from symphony.verify.checks import Check, Checks
from symphony.verify.history import Entry, TaskHistory, load_history
from symphony.verify.plans import check_plans
from symphony.verify.reader import ChainReader
from symphony.verify.settlement import (
    check_receipt,
    check_settled,
    check_unawarded,
    recompute,
    votes_of,
)
from symphony_chain.events import AnswerRevealed, TaskSettled
from symphony_chain.model.tally import ANSWER_BYTES, Settlement, bond_returned_wei, shared_wei
from symphony_chain.rpc import Log
from symphony_chain.signing import task_id
from symphony_chain.types import State


@dataclass(frozen=True, slots=True)
class SeatLine:
    """One seat on the receipt; `answer` is its text where that is known; `weight` is what it votes with.

    `pay_wei` is what it earned, `shared_wei` the pool's part of that; both None while nothing is settled.
    """

    seat: int
    agent_id: int
    wallet: str
    match_bps: int
    award_weight: int
    weight: int
    committed: bool
    answer_digest: bytes | None
    answer: str | None
    won: bool | None
    score_bps: int | None
    pay_wei: int | None
    shared_wei: int | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What verification found.

    Attributes:
        state: the contract's own word; `final` once it cannot change.
        ok: no check failed (checks that could not be made are `unchecked`).
        token: in whose smallest units all money is; zero: native coins.
        money: `escrow_wei`, and where it went: `returned_wei` at award, `paid_wei` to the seats (of which `shared_wei` to the
            pool), `fee_wei` to the evaluator, `refund_wei`, `burnt_wei`; and `bonds_lost_wei`, which are burnt besides.
    """

    task_id: bytes
    state: State
    requester: str
    token: str
    title: str | None
    winner: str | None
    seats: tuple[SeatLine, ...]
    money: dict[str, int]
    checks: tuple[Check, ...]
    blocks: tuple[tuple[str, int, bytes], ...] = field(default=())

    @property
    def final(self) -> bool:
        return self.state.is_final

    @property
    def mismatches(self) -> list[Check]:
        return [check for check in self.checks if check.ok is False]

    @property
    def unchecked(self) -> list[Check]:
        return [check for check in self.checks if check.ok is None]

    @property
    def ok(self) -> bool:
        return not self.mismatches

    def as_dict(self) -> dict[str, Any]:
        """The receipt for JSON (bytes and enums still as they are)."""
        return {
            "task_id": self.task_id,
            "ok": self.ok,
            "final": self.final,
            "state": self.state,
            "requester": self.requester,
            "token": self.token,
            "title": self.title,
            "winner": self.winner,
            "seats": self.seats,
            "money": self.money,
            "checked": len(self.checks) - len(self.unchecked),
            "mismatches": self.mismatches,
            "unchecked": self.unchecked,
            "checks": self.checks,
            "events": [{"event": name, "block": block, "tx_hash": tx} for name, block, tx in self.blocks],
        }


def nothing(digest: bytes, max_bytes: int) -> bytes | None:
    """A fetcher that has no texts: only what is on chain is checked."""
    return None


def verify_task(reader: ChainReader, wanted: bytes, fetch: Fetch = nothing) -> Receipt:
    """Recomputes one task from the chain.

    Raises:
        NotFound: it was never posted. ChainUnavailable: the node is away. A mismatch is no exception: see `Receipt.ok`.
    """
    history, checks = load_history(reader, wanted), Checks()
    checks.equal(
        "task id is the digest of its parameters", wanted, task_id(reader.deployment.domain, history.task)
    )
    checks.equal("requester", history.posted.event.requester, history.task.requester)
    _check_logs(reader, history, checks)
    facts = AgentFacts(reader, history.task.page_id)
    seats = check_seats(reader, history, facts, checks)
    _check_seat_agents(history, checks)
    texts = check_texts(history, fetch, checks)
    reveals = check_openings(reader, history, checks)
    seats = check_plans(reader, history, seats, reveals, facts, checks)
    answers = check_answers(reveals, texts, fetch, checks)
    settlement = _check_close(reader, history, seats, reveals, facts, checks)
    state = reader.state(wanted)
    _check_state(history, state, checks)
    return _receipt(history, state, texts, seats, reveals, answers, settlement, checks)


def _check_logs(reader: ChainReader, history: TaskHistory, checks: Checks) -> None:
    """Every event must stand in the receipt of its transaction, and that must have succeeded."""
    for entry in history.timeline:
        receipt = reader.receipt(entry.log.tx_hash)
        found = (
            receipt is not None and receipt.status == 1 and any(_same(entry.log, log) for log in receipt.logs)
        )
        name = f"{type(entry.event).__name__} in block {entry.log.block_number}"
        checks.holds(
            "event is in its transaction's receipt",
            found,
            "" if found else "the receipt says otherwise",
            name,
        )


def _same(a: Log, b: Log) -> bool:
    place = (a.block_hash, a.log_index, a.address) == (b.block_hash, b.log_index, b.address)
    return place and a.topics == b.topics and a.data == b.data


def _check_seat_agents(history: TaskHistory, checks: Checks) -> None:
    """Who commits in a seat is who was awarded it."""
    awarded = {seat.seat: seat.agent_id for _, seat in history.seats}
    for entry in history.commits:
        event = entry.event
        checks.equal("seat's agent", event.agent_id, awarded.get(event.seat), f"seat {event.seat}")


def _check_close(
    reader: ChainReader,
    history: TaskHistory,
    seats: list[SeatFacts],
    reveals: dict[int, AnswerRevealed],
    facts: AgentFacts,
    checks: Checks,
) -> Settlement | None:
    closed = history.closed
    if closed is None:
        return None
    event = closed.event
    check_receipt(reader, history, closed, checks)
    if not isinstance(event, TaskSettled) or event.outcome is State.EXPIRED:
        check_unawarded(reader, history, closed, checks)
        return None
    entry = Entry(event, closed.log)
    want = recompute(history, entry, seats, votes_of(seats, reveals), facts, reader.rules())
    check_settled(reader, history, entry, want, checks)
    return want


def _check_state(history: TaskHistory, state: State, checks: Checks) -> None:
    if history.closed is None:
        checks.holds(
            "the contract agrees that the task is open", not state.is_final, f"it says {state.name.lower()}"
        )
        return
    event = history.closed.event
    outcome = event.outcome if isinstance(event, TaskSettled) else State.CANCELLED
    checks.equal("the contract agrees on the outcome", state, outcome)


def _receipt(
    history: TaskHistory,
    state: State,
    texts: Texts,
    seats: list[SeatFacts],
    reveals: dict[int, AnswerRevealed],
    answers: dict[bytes, str],
    settlement: Settlement | None,
    checks: Checks,
) -> Receipt:
    by_prefix = {digest[:ANSWER_BYTES]: text for digest, text in answers.items()}
    lines = [_line(history, seat, reveals.get(seat.award.seat), answers, settlement) for seat in seats]
    return Receipt(
        task_id=history.task_id,
        state=state,
        requester=history.task.requester,
        token=history.task.token,
        title=texts.header.title if texts.header is not None else None,
        winner=by_prefix.get(settlement.winner) if settlement is not None else None,
        seats=tuple(lines),
        money=_money(history, settlement),
        checks=tuple(checks.items),
        blocks=tuple((type(e.event).__name__, e.log.block_number, e.log.tx_hash) for e in history.timeline),
    )


def _line(
    history: TaskHistory,
    seat: SeatFacts,
    reveal: AnswerRevealed | None,
    answers: dict[bytes, str],
    settlement: Settlement | None,
) -> SeatLine:
    result = settlement.results[seat.award.seat] if settlement is not None else None
    digest = reveal.answer_digest if reveal is not None else None
    return SeatLine(
        seat=seat.award.seat,
        agent_id=seat.award.agent_id,
        wallet=seat.award.wallet,
        match_bps=seat.match_bps,
        award_weight=seat.award_weight,
        weight=seat.weight,
        committed=any(entry.event.seat == seat.award.seat for entry in history.commits),
        answer_digest=digest,
        answer=answers.get(digest) if digest is not None else None,
        won=result.won if result is not None else None,
        score_bps=result.score_bps if result is not None and result.scored else None,
        pay_wei=result.pay_wei if result is not None else None,
        shared_wei=shared_wei(history.task, result) if result is not None else None,
    )


def _money(history: TaskHistory, settlement: Settlement | None) -> dict[str, int]:
    """As recomputed; an expired or cancelled task returns its whole escrow."""
    task = history.task
    money = {
        "escrow_wei": task.escrow_wei,
        "returned_wei": history.awarded.event.returned_wei if history.awarded else 0,
        "paid_wei": 0,
        "shared_wei": 0,
        "fee_wei": 0,
        "refund_wei": task.escrow_wei if history.closed is not None else 0,
        "burnt_wei": 0,
        "bonds_lost_wei": 0,
    }
    if settlement is None:
        return money
    bonds_lost_wei = sum(task.bond_wei - bond_returned_wei(task, result) for result in settlement.results)
    return money | {
        "paid_wei": sum(result.pay_wei for result in settlement.results),
        "shared_wei": settlement.shared_wei,
        "fee_wei": settlement.fee_wei,
        "refund_wei": settlement.refund_wei,
        "burnt_wei": settlement.burnt_wei - bonds_lost_wei,
        "bonds_lost_wei": bonds_lost_wei,
    }
