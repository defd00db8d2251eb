"""Reference model of `contracts/TaskMarket.sol`: a pure state machine with the contract's steps, errors and events.

Time, sender and recovered signers come in with each `Call`. Written to be read, not to be fast. Knows nothing of calldata, gas or
signatures' bytes.
"""

from __future__ import annotations

import copy
import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from symphony_chain.events import (
    AnswerCommitted,
    AnswerRevealed,
    BidPosted,
    BidSkipped,
    Event,
    PlanRevealed,
    SeatTaken,
    TaskAwarded,
    TaskCancelled,
    TaskPosted,
    TaskSettled,
)
from symphony_chain.model import tally
from symphony_chain.model.context import Call, ModelRevert
from symphony_chain.model.parameters import check_task
from symphony_chain.model.records import Seat, Tag, TaskRecord
from symphony_chain.model.registry import RegistryModel
from symphony_chain.model.tally import ScoreRules
from symphony_chain.model.tokens import Tokens
from symphony_chain.model.vault import VaultModel
from symphony_chain.signing import commitment as commitment_of
from symphony_chain.signing import plan_evidence
from symphony_chain.skills import FULL_SCALE
from symphony_chain.types import (
    MAX_BIDS,
    MAX_INLINE_ANSWER,
    NATIVE,
    ZERO_ADDRESS,
    Bid,
    Kind,
    Opening,
    Receipt,
    SeatAward,
    Skip,
    State,
    Task,
    receipt_digest,
)

#: Everything that a call may change, by attribute.
_STATE = ("tasks", "balances", "accounts", "earned", "nonces", "tokens", "burnt_wei", "events")


@dataclass(frozen=True, slots=True)
class OfferedBid:
    """A bid and who signed it (the zero address: nobody, or a malformed signature)."""

    bid: Bid
    signer: str


class MarketModel(VaultModel):
    """The market as a state machine. Methods that may refuse raise `ModelRevert`; `events` grows with every success.

    Args:
        registry: the model of the registry that the market reads.
        min_window_s: the deployment's MIN_WINDOW.
        task_id_of: EIP-712 digest of a task in the deployment's domain.
        rules: the deployment's rules of scoring.
        pool: whose balance the shared part of pay becomes.
        address: the market's own, which Plans names.
        tokens: who holds coins and tokens outside; this market is the holder "market" there.
    """

    def __init__(
        self,
        registry: RegistryModel,
        min_window_s: int,
        task_id_of: Callable[[Task], bytes],
        rules: ScoreRules | None = None,
        pool: str = ZERO_ADDRESS,
        address: str = ZERO_ADDRESS,
        tokens: Tokens | None = None,
    ) -> None:
        super().__init__(registry, tokens)
        self.min_window_s = min_window_s
        self.task_id_of = task_id_of
        self.rules = rules or ScoreRules()
        self.pool, self.address = pool, address
        self.tasks: dict[bytes, TaskRecord] = {}
        self.earned: dict[tuple[int, bytes], int] = defaultdict(int)
        self.burnt_wei: dict[str, int] = defaultdict(int)  # by token; kept nowhere on chain: owed to nobody

    # --- life of a task ---

    def post(self, call: Call, task: Task) -> bytes:
        task_id = self.task_id_of(task)
        self._authorize(call, task.requester)
        self._check_new(call, task_id, task)
        self._collect(call, task, task.escrow_wei)
        self.tasks[task_id] = TaskRecord(task)
        self.events.append(TaskPosted(task_id, task.requester, call.value_wei, task))
        return task_id

    def hire(self, call: Call, task: Task, offers: Sequence[OfferedBid]) -> bytes:
        """`post` and `award` in one; `call.signer` signed both."""
        task_id = self.task_id_of(task)
        self._authorize(call, task.requester)
        self._check_new(call, task_id, task)
        record = TaskRecord(task)
        returned_wei, events = self._seat_bids(call, record, task_id, offers)
        self._collect(call, task, task.escrow_wei - returned_wei)
        self.tasks[task_id] = record
        self._lock_bonds(record)
        self.events += [TaskPosted(task_id, task.requester, call.value_wei, task), *events]
        return task_id

    def cancel(self, call: Call, task: Task) -> None:
        task_id = self.task_id_of(task)
        self._authorize(call, task.requester)
        state = self.state(task_id, call.now_s)
        if state not in (State.OPEN, State.FREE, State.UNAWARDED):
            raise ModelRevert("WrongState", taskId=task_id, have=state, want=State.OPEN)
        self._close_unseated(call, task_id, State.CANCELLED)
        self.events.append(TaskCancelled(task_id, task.escrow_wei))

    def bid(self, call: Call, task_id: bytes, offer: OfferedBid) -> None:
        self._require(task_id, call.now_s, State.OPEN)
        bid = offer.bid
        wallet = self.registry.owner_and_wallet(bid.agent_id)[1]
        if wallet == ZERO_ADDRESS:
            raise ModelRevert("UnknownAgent", agentId=bid.agent_id)
        if offer.signer != wallet:
            raise ModelRevert("BadSignature", expected=wallet)
        self.events.append(
            BidPosted(task_id, bid.agent_id, bid.price_wei, bid.confidence_bps, bid.expiry_s, bid.signature)
        )

    def award(self, call: Call, task: Task, offers: Sequence[OfferedBid]) -> None:
        """Seats the first k acceptable bids in the caller's order; `call.signer` signed them."""
        task_id = self.task_id_of(task)
        self._require(task_id, call.now_s, State.OPEN)
        by = call.sender if call.signer is None else call.signer
        if by != task.requester and (by != task.router or by == ZERO_ADDRESS):
            if call.signer is not None:
                raise ModelRevert("BadSignature", expected=task.requester)
            raise ModelRevert("NotAuthorized", caller=by, expected=task.requester)
        record = self.tasks[task_id]
        returned_wei, events = self._seat_bids(call, record, task_id, offers)
        self._lock_bonds(record)
        self.balances[task.requester, task.token] += returned_wei
        self.events += events

    def take(self, call: Call, task: Task, agent_id: int, deadline_s: int = 0) -> None:
        """A free seat of an open task, at the ceiling; `call.signer` is the agent's wallet."""
        task_id = self.task_id_of(task)
        state = self.state(task_id, call.now_s)
        record = self.tasks.get(task_id)
        if record is None or (state is not State.FREE and (state is not State.AWARDED or not record.free)):
            raise ModelRevert("WrongState", taskId=task_id, have=state, want=State.FREE)
        wallet = self.registry.owner_and_wallet(agent_id)[1]
        if call.signer is not None and call.now_s > deadline_s:
            raise ModelRevert("SignatureExpired", deadline=deadline_s)
        self._authorize(call, wallet)
        reason = self._judge_agent(task, agent_id, record.seats)
        if reason is not Skip.NONE:
            raise ModelRevert("SeatRefused", agentId=agent_id, reason=reason)
        seat = self._new_seat(task, agent_id, wallet)
        self.accounts[agent_id, task.token].accrued_wei -= task.bond_wei
        record.seats.append(seat)
        record.phase, record.price_wei, record.free = State.AWARDED, task.ceiling_wei, task.k - len(record.seats)
        award = SeatAward(len(record.seats) - 1, agent_id, wallet, seat.weight)
        self.events.append(SeatTaken(task_id, agent_id, award))

    def commit(self, call: Call, task_id: bytes, seat: int, commitment: bytes) -> None:
        record = self._seat(task_id, seat)
        if record.tag is not Tag.AWARDED:
            raise ModelRevert("AlreadyCommitted", taskId=task_id, seat=seat)
        if call.now_s > self.tasks[task_id].task.commit_end_s:
            raise ModelRevert(
                "WrongState", taskId=task_id, have=self.state(task_id, call.now_s), want=State.AWARDED
            )
        self._authorize(call, record.wallet)
        record.advance(Tag.COMMITTED, commitment)
        self.events.append(AnswerCommitted(task_id, record.agent_id, seat, commitment))

    def reveal(self, call: Call, task_id: bytes, opening: Opening) -> None:
        """Opens a commitment; open to anyone once all have committed or commitEnd is past."""
        self._require_revealing(call, task_id)
        if self.tasks[task_id].task.kind == Kind.PLAN:
            raise ModelRevert("WrongKind", taskId=task_id)
        self._open(call, task_id, opening)

    def reveal_plan(
        self,
        call: Call,
        task: Task,
        opening: Opening,
        trace_digest: bytes,
        children: Sequence[bytes],
        receipts: Sequence[Receipt],
    ) -> None:
        """`Plans.reveal`: opens a plan; its children may lower its weight."""
        if plan_evidence(trace_digest, children) != opening.evidence_digest:
            raise ModelRevert("EvidenceMismatch", evidenceDigest=opening.evidence_digest)
        task_id = self.task_id_of(task)
        record = self.tasks.get(task_id)
        seats = record.seats if record else []
        seat = seats[opening.seat] if opening.seat < len(seats) else None
        agent_id = seat.agent_id if seat else 0
        weights: list[int] = []
        for index, child in enumerate(children):
            found = self.tasks.get(child)
            closed = found is not None and found.phase.is_final
            if not closed and call.now_s <= task.commit_end_s:
                raise ModelRevert("ChildOpen", child=child)
            if found is not None and found.phase is State.SETTLED and found.closed_at_s <= task.commit_end_s:
                weights += self._child_weights(task_id, agent_id, child, receipts[index])
        self._require_revealing(call, task_id)
        if task.kind != Kind.PLAN:
            raise ModelRevert("WrongKind", taskId=task_id)
        self._open(call, task_id, opening)
        assert seat is not None
        if weights:
            seat.weight = min(seat.weight, sum(weights) // len(weights))
        self.events.append(
            PlanRevealed(self.address, task_id, agent_id, opening.seat, seat.weight, trace_digest, tuple(children))
        )

    def reveal_and_settle(self, call: Call, task: Task, openings: Sequence[Opening]) -> None:
        task_id = self.task_id_of(task)
        steps: list[Callable[[], object]] = [
            lambda opening=opening: self._open(call, task_id, opening)  # type: ignore[misc]
            for opening in openings
        ]
        self._require_revealing(call, task_id)
        if task.kind == Kind.PLAN:
            raise ModelRevert("WrongKind", taskId=task_id)
        self.multicall([*steps, lambda: self.settle(call, task)])

    def evaluate(self, call: Call, task: Task, scores_bps: Sequence[int]) -> None:
        """The evaluator's scores, one a seat; settles."""
        self._authorize(call, task.evaluator)
        if not all(0 <= score <= FULL_SCALE for score in scores_bps):
            word = sum(score << (16 * seat) for seat, score in enumerate(scores_bps))
            name = b"scores".ljust(32, b"\0")
            raise ModelRevert("ParameterOutOfRange", name=name, value=word, min=0, max=FULL_SCALE)
        self._settle(call, task, tuple(scores_bps))

    def settle(self, call: Call, task: Task) -> None:
        """The one permissionless closer."""
        self._settle(call, task, None)

    def multicall(self, steps: Sequence[Callable[[], object]]) -> None:
        """All steps, or none of them; each carries its own `Call` (same sender and time, no value)."""
        saved = copy.deepcopy({name: getattr(self, name) for name in _STATE})
        try:
            for step in steps:
                step()
        except ModelRevert:
            for name, value in saved.items():
                setattr(self, name, value)
            raise

    # --- views ---

    def state(self, task_id: bytes, now_s: int) -> State:
        record = self.tasks.get(task_id)
        return record.state_at(now_s) if record else State.NONE

    def receipt(self, task_id: bytes) -> tuple[State, int, bytes]:
        """As `TaskMarket.receiptOf`."""
        record = self.tasks.get(task_id)
        if record is None or not record.phase.is_final:
            return State.NONE, 0, bytes(26)
        return record.phase, record.closed_at_s, record.receipt

    def owed_wei(self, token: str = NATIVE) -> int:
        """Everything that is somebody's; Conservation says that with `burnt_wei` it is what the market holds."""
        return (
            sum(amount for (_, of), amount in self.balances.items() if of == token)
            + sum(account.accrued_wei for (_, of), account in self.accounts.items() if of == token)
            + sum(record.held_wei() for record in self.tasks.values() if record.task.token == token)
        )

    # --- settling ---

    def _settle(self, call: Call, task: Task, scores_bps: tuple[int, ...] | None) -> None:
        task_id = self.task_id_of(task)
        state = self.state(task_id, call.now_s)
        if state is State.UNAWARDED and scores_bps is None:
            self._close_unseated(call, task_id, State.EXPIRED)
            self.events.append(
                TaskSettled(task_id, State.EXPIRED, b"", 0, 0, False, task.escrow_wei, 0, 0, ())
            )
            return
        if not State.AWARDED <= state <= State.CLOSING:
            raise ModelRevert("WrongState", taskId=task_id, have=state, want=State.CLOSING)
        if scores_bps is not None and state is State.CLOSING:
            raise ModelRevert("WrongState", taskId=task_id, have=state, want=State.EVALUATING)
        if scores_bps is None and task.evaluator != ZERO_ADDRESS and state is not State.CLOSING:
            raise ModelRevert("Pending", taskId=task_id, until=task.evaluation_end_s)
        record = self.tasks[task_id]
        self._require_done(task_id, record, state)
        done = tally.settle(
            task_id,
            task,
            record.price_wei,
            [seat.vote() for seat in record.seats],
            [seat.agent_id for seat in record.seats],
            [self.earned[seat.agent_id, task.page_id] for seat in record.seats],
            rules=self.rules,
            free_seats=record.free,
            scores_bps=None
            if scores_bps is None
            else [scores_bps[i] if i < len(scores_bps) else 0 for i in range(len(record.seats))],
        )
        for result in done.results:
            account = self.accounts[result.agent_id, task.token]
            account.accrued_wei += tally.credit_wei(task, result)
            account.seats += 1
            account.won += result.won
            account.no_shows += not result.revealed
            self.earned[result.agent_id, task.page_id] = result.earned
        self.balances[task.evaluator, task.token] += done.fee_wei
        self.balances[task.requester, task.token] += done.refund_wei
        self.balances[self.pool, task.token] += done.shared_wei
        self.burnt_wei[task.token] += done.burnt_wei
        record.close(done.outcome, call.now_s, receipt_digest(done.winner, done.results))
        self.events.append(
            TaskSettled(
                task_id,
                done.outcome,
                done.winner,
                done.winner_weight,
                done.total_weight,
                done.evaluated,
                done.refund_wei,
                done.burnt_wei,
                done.fee_wei,
                done.results,
            )
        )

    def _require_done(self, task_id: bytes, record: TaskRecord, state: State) -> None:
        """Refuses while a seat, or a newcomer, may still act."""
        task = record.task
        if state is State.AWARDED and record.free:
            raise ModelRevert("Pending", taskId=task_id, until=task.commit_end_s)
        for seat in record.seats:
            if seat.tag is Tag.AWARDED and state is State.AWARDED:
                raise ModelRevert("Pending", taskId=task_id, until=task.commit_end_s)
            if seat.tag is Tag.COMMITTED and state < State.EVALUATING:
                raise ModelRevert("Pending", taskId=task_id, until=task.reveal_end_s)

    def _close_unseated(self, call: Call, task_id: bytes, outcome: State) -> None:
        record = self.tasks[task_id]
        record.close(outcome, call.now_s)
        self.balances[record.task.requester, record.task.token] += record.task.escrow_wei

    # --- revealing ---

    def _require_revealing(self, call: Call, task_id: bytes) -> None:
        state = self.state(task_id, call.now_s)
        if state is State.REVEALING:
            return
        record = self.tasks.get(task_id)
        if record is None or state is not State.AWARDED or not record.all_committed():
            raise ModelRevert("WrongState", taskId=task_id, have=state, want=State.REVEALING)

    def _open(self, call: Call, task_id: bytes, opening: Opening) -> None:
        seat = self._seat(task_id, opening.seat)
        if seat.tag is Tag.AWARDED:
            raise ModelRevert("NotCommitted", taskId=task_id, seat=opening.seat)
        if seat.tag is Tag.REVEALED:
            raise ModelRevert("AlreadyRevealed", taskId=task_id, seat=opening.seat)
        digest, answer = opening.answer_digest, opening.answer
        opened = commitment_of(task_id, seat.agent_id, digest, opening.evidence_digest, opening.salt)
        if opened[: tally.ANSWER_BYTES] != seat.value:
            raise ModelRevert("CommitmentMismatch", taskId=task_id, seat=opening.seat)
        if len(answer) > MAX_INLINE_ANSWER:
            raise ModelRevert("AnswerTooLong", length=len(answer), max=MAX_INLINE_ANSWER)
        if answer and hashlib.sha256(answer).digest() != digest:
            raise ModelRevert("AnswerMismatch", answerDigest=digest)
        record = self.tasks[task_id]
        if record.state_at(call.now_s) is State.AWARDED and len(record.seats) > 1:
            record.phase = State.REVEALING
        seat.advance(Tag.REVEALED, digest)
        self.events.append(
            AnswerRevealed(
                task_id, seat.agent_id, opening.seat, digest, opening.evidence_digest, opening.salt, answer
            )
        )

    def _child_weights(self, task_id: bytes, planner: int, child: bytes, receipt: Receipt) -> list[int]:
        """Award weights of a child's winning seats; none where the child does not count."""
        named = self.task_id_of(receipt.task)
        if self.receipt(named)[0] is State.NONE or receipt.digest() != self.receipt(named)[2]:
            raise ModelRevert("NoSuchReceipt", taskId=named)
        if named != child:
            raise ModelRevert("ChildMismatch", child=child)
        owner, wallet = self.registry.owner_and_wallet(planner)
        if receipt.task.parent != task_id or receipt.task.requester not in (owner, wallet):
            return []
        if any(self.registry.owner_and_wallet(r.agent_id)[0] == owner for r in receipt.results):
            return []
        return [r.weight for r in receipt.results if r.won]

    # --- seating ---

    def _check_new(self, call: Call, task_id: bytes, task: Task) -> None:
        if task_id in self.tasks:
            raise ModelRevert("TaskExists", taskId=task_id)
        check_task(task, call.now_s, self.min_window_s)

    def _seat_bids(
        self, call: Call, record: TaskRecord, task_id: bytes, offers: Sequence[OfferedBid]
    ) -> tuple[int, list[Event]]:
        """Fills a record's seats; what the ceilings leave over, and the events. Bonds and money are the caller's."""
        task = record.task
        if len(offers) > MAX_BIDS:
            raise ModelRevert("TooManyBids", count=len(offers), max=MAX_BIDS)
        seats: list[Seat] = []
        price_wei = 0
        skipped: list[Event] = []
        for offer in offers:
            if len(seats) == task.k:
                break
            reason = self._judge(call.now_s, task, offer, seats)
            if reason is Skip.BAD_SIGNATURE and call.signer is not None:
                raise ModelRevert("SeatRefused", agentId=offer.bid.agent_id, reason=reason)
            if reason is not Skip.NONE:
                skipped.append(BidSkipped(task_id, offer.bid.agent_id, reason))
                continue
            seats.append(self._new_seat(task, offer.bid.agent_id, offer.signer))
            price_wei = max(price_wei, offer.bid.price_wei)
        if len(seats) < task.min_seats:
            raise ModelRevert("TooFewSeats", seated=len(seats), minSeats=task.min_seats)
        record.phase, record.price_wei, record.free, record.seats = State.AWARDED, price_wei, 0, seats
        returned_wei = task.ceiling_wei * task.k - price_wei * len(seats)
        awards = tuple(SeatAward(i, s.agent_id, s.wallet, s.weight) for i, s in enumerate(seats))
        return returned_wei, [*skipped, TaskAwarded(task_id, price_wei, returned_wei, awards)]

    def _lock_bonds(self, record: TaskRecord) -> None:
        for seat in record.seats:
            self.accounts[seat.agent_id, record.task.token].accrued_wei -= record.task.bond_wei

    def _new_seat(self, task: Task, agent_id: int, wallet: str) -> Seat:
        weight = tally.seat_weight(
            self.registry.declared(agent_id, task.page_id),
            self.earned[agent_id, task.page_id],
            task.requirement,
        )
        return Seat(agent_id, wallet, weight)

    def _judge(self, now_s: int, task: Task, offer: OfferedBid, seated: Sequence[Seat]) -> Skip:
        bid = offer.bid
        wallet = self.registry.owner_and_wallet(bid.agent_id)[1]
        if now_s > bid.expiry_s:
            return Skip.BID_EXPIRED
        if bid.price_wei > task.ceiling_wei:
            return Skip.PRICE_ABOVE_CEILING
        if wallet == ZERO_ADDRESS:
            return Skip.UNKNOWN_AGENT
        if offer.signer != wallet:
            return Skip.BAD_SIGNATURE
        return self._judge_agent(task, bid.agent_id, seated)

    def _judge_agent(self, task: Task, agent_id: int, seated: Sequence[Seat]) -> Skip:
        owner = self.registry.owner_and_wallet(agent_id)[0]
        if owner == ZERO_ADDRESS or agent_id >= 1 << 32:
            return Skip.UNKNOWN_AGENT
        if any(self.registry.owner_and_wallet(seat.agent_id)[0] == owner for seat in seated):
            return Skip.OWNER_SEATED
        declared = self.registry.declared(agent_id, task.page_id)
        if tally.match_bps(declared, task.requirement) < task.min_match_bps:
            return Skip.MATCH_TOO_LOW
        if self.accounts[agent_id, task.token].accrued_wei < task.bond_wei:
            return Skip.BOND_UNFUNDED
        return Skip.NONE

    # --- inside ---

    def _require(self, task_id: bytes, now_s: int, want: State) -> None:
        have = self.state(task_id, now_s)
        if have is not want:
            raise ModelRevert("WrongState", taskId=task_id, have=have, want=want)

    def _seat(self, task_id: bytes, seat: int) -> Seat:
        record = self.tasks.get(task_id)
        if record is None or seat >= len(record.seats):
            raise ModelRevert("NoSuchSeat", taskId=task_id, seat=seat)
        return record.seats[seat]
