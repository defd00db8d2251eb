"""Reference model of `contracts/TaskMarket.sol`: a pure state machine with the contract's steps, errors and events.

Time, sender and recovered signers come in with each `Call`. Written to be read, not to be fast. Knows nothing of calldata, gas or
signatures' bytes.
"""

from __future__ import annotations

import copy
import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from symphony_chain.events import (
    AgentFunded,
    AnswerCommitted,
    AnswerRevealed,
    BidPosted,
    BidSkipped,
    Deposited,
    Event,
    PayClaimed,
    TaskAwarded,
    TaskCancelled,
    TaskPosted,
    TaskSettled,
    Withdrawn,
)
from symphony_chain.model import tally
from symphony_chain.model.context import Call, ModelRevert
from symphony_chain.model.parameters import check_task
from symphony_chain.model.records import Seat, Tag, TaskRecord
from symphony_chain.model.registry import RegistryModel
from symphony_chain.signing import commitment as commitment_of
from symphony_chain.types import (
    MAX_BIDS,
    MAX_INLINE_ANSWER,
    NATIVE,
    ZERO_ADDRESS,
    Bid,
    SeatAward,
    Skip,
    State,
    Task,
)

#: Everything that a call may change, by attribute.
_STATE = ("tasks", "balances", "accounts", "earned", "burnt", "nonces", "holdings_wei", "events")


@dataclass(slots=True)
class Account:
    """An agent's money and counters in one token."""

    accrued_wei: int = 0
    seats: int = 0
    won: int = 0
    no_shows: int = 0


@dataclass(frozen=True, slots=True)
class OfferedBid:
    """A bid and who signed it (the zero address: nobody, or a malformed signature)."""

    bid: Bid
    signer: str


class MarketModel:
    """The market as a state machine. Methods that may refuse raise `ModelRevert`; `events` grows with every success.

    Args:
        registry: the model of the registry that the market reads.
        min_window_s: the deployment's MIN_WINDOW.
        task_id_of: EIP-712 digest of a task in the deployment's domain.
        accepts: whether an address takes coins sent to it (a contract may refuse).
    """

    def __init__(
        self,
        registry: RegistryModel,
        min_window_s: int,
        task_id_of: Callable[[Task], bytes],
        accepts: Callable[[str], bool] = lambda address: True,
    ) -> None:
        self.registry = registry
        self.min_window_s = min_window_s
        self.task_id_of = task_id_of
        self.accepts = accepts
        self.tasks: dict[bytes, TaskRecord] = {}
        self.balances: dict[tuple[str, str], int] = defaultdict(int)
        self.accounts: dict[tuple[int, str], Account] = defaultdict(Account)
        self.earned: dict[tuple[int, bytes], int] = defaultdict(int)
        self.burnt: dict[str, int] = defaultdict(int)
        self.nonces: dict[str, int] = defaultdict(int)
        self.holdings_wei = 0  # coins at the contract's address
        self.events: list[Event] = []

    # --- money ---

    def deposit(self, call: Call, account: str) -> None:
        if account == ZERO_ADDRESS:
            raise ModelRevert("ZeroAddress")
        self.balances[account, NATIVE] += call.value_wei
        self.holdings_wei += call.value_wei
        self.events.append(Deposited(account, NATIVE, call.value_wei, call.sender))

    def fund_agent(self, call: Call, agent_id: int) -> None:
        if self.registry.owner_and_wallet(agent_id)[0] == ZERO_ADDRESS:
            raise ModelRevert("UnknownAgent", agentId=agent_id)
        self.accounts[agent_id, NATIVE].accrued_wei += call.value_wei
        self.holdings_wei += call.value_wei
        self.events.append(AgentFunded(agent_id, NATIVE, call.value_wei, call.sender))

    def withdraw(
        self, call: Call, account: str, token: str, to: str, amount_wei: int, deadline_s: int = 0
    ) -> None:
        """`call.signer` signed (account, token, to, amount, the account's current nonce, deadline)."""
        if call.signer is None:
            if call.sender != account:
                raise ModelRevert("NotAuthorized", caller=call.sender, expected=account)
        else:
            if call.now_s > deadline_s:
                raise ModelRevert("SignatureExpired", deadline=deadline_s)
            if call.signer != account or account == ZERO_ADDRESS:
                raise ModelRevert("BadSignature", expected=account)
        have_wei = self.balances[account, token]
        if have_wei < amount_wei:
            raise ModelRevert(
                "InsufficientBalance", account=account, token=token, have=have_wei, want=amount_wei
            )
        self._send(to, amount_wei)
        self.balances[account, token] -= amount_wei
        if call.signer is not None:
            self.nonces[account] += 1
        self.events.append(Withdrawn(account, token, to, amount_wei))

    def claim(self, call: Call, agent_id: int, token: str, to: str, deadline_s: int = 0) -> None:
        """`call.signer` signed (agent, token, to, its own current nonce, deadline); owner or wallet may."""
        owner, wallet = self.registry.owner_and_wallet(agent_id)
        if owner == ZERO_ADDRESS:
            raise ModelRevert("UnknownAgent", agentId=agent_id)
        by = call.sender
        if call.signer is not None:
            if call.now_s > deadline_s:
                raise ModelRevert("SignatureExpired", deadline=deadline_s)
            by = call.signer
            if by not in (owner, wallet):
                raise ModelRevert("BadSignature", expected=owner)
        if by != owner:
            if by != wallet:
                raise ModelRevert("NotAuthorized", caller=by, expected=owner)
            if to != owner:
                raise ModelRevert("WalletMayOnlyPayOwner", agentId=agent_id, owner=owner)
        amount_wei = self.accounts[agent_id, token].accrued_wei
        if amount_wei == 0:
            raise ModelRevert("NothingToClaim", agentId=agent_id, token=token)
        self._send(to, amount_wei)
        self.accounts[agent_id, token].accrued_wei = 0
        if call.signer is not None:
            self.nonces[by] += 1
        self.events.append(PayClaimed(agent_id, token, to, amount_wei))

    # --- life of a task ---

    def post(self, call: Call, task: Task) -> bytes:
        task_id = self.task_id_of(task)
        self._authorize(call, task.requester)
        if task_id in self.tasks:
            raise ModelRevert("TaskExists", taskId=task_id)
        check_task(task, call.now_s, self.min_window_s)
        have_wei = self.balances[task.requester, task.token]
        if have_wei < task.escrow_wei:
            raise ModelRevert(
                "InsufficientBalance",
                account=task.requester,
                token=task.token,
                have=have_wei,
                want=task.escrow_wei,
            )
        self.balances[task.requester, task.token] -= task.escrow_wei
        self.tasks[task_id] = TaskRecord(task)
        self.events.append(TaskPosted(task_id, task.requester, task))
        return task_id

    def deposit_and_post(self, call: Call, task: Task) -> bytes:
        self.deposit(call, call.sender)
        try:
            return self.post(replace(call, signer=None), task)
        except ModelRevert:
            self.balances[call.sender, NATIVE] -= call.value_wei
            self.holdings_wei -= call.value_wei
            self.events.pop()
            raise

    def cancel(self, call: Call, task: Task) -> None:
        task_id = self.task_id_of(task)
        self._authorize(call, task.requester)
        state = self.state(task_id, call.now_s)
        if state not in (State.OPEN, State.UNAWARDED):
            raise ModelRevert("WrongState", taskId=task_id, have=state, want=State.OPEN)
        self.tasks[task_id].close(State.CANCELLED)
        self.balances[task.requester, task.token] += task.escrow_wei
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
        """Seats the first k acceptable bids in the caller's order; `call.signer` signed their agents and prices."""
        task_id = self.task_id_of(task)
        self._require(task_id, call.now_s, State.OPEN)
        if len(offers) > MAX_BIDS:
            raise ModelRevert("TooManyBids", count=len(offers), max=MAX_BIDS)
        by = call.sender if call.signer is None else call.signer
        if by != task.requester and (by != task.router or by == ZERO_ADDRESS):
            if call.signer is not None:
                raise ModelRevert("BadSignature", expected=task.requester)
            raise ModelRevert("NotAuthorized", caller=by, expected=task.requester)

        seats: list[Seat] = []
        seated_bids: list[Bid] = []
        skipped: list[Event] = []
        for offer in offers:
            if len(seats) == task.k:
                break
            reason = self._judge(call.now_s, task, offer, seats)
            if reason is not Skip.NONE:
                skipped.append(BidSkipped(task_id, offer.bid.agent_id, reason))
                continue
            agent_id = offer.bid.agent_id
            weight = tally.seat_weight(
                self.registry.declared(agent_id, task.page_id),
                self.earned[agent_id, task.page_id],
                task.requirement,
            )
            seats.append(Seat(agent_id, offer.signer, weight))
            seated_bids.append(offer.bid)
        if len(seats) < task.min_seats:
            raise ModelRevert("TooFewSeats", seated=len(seats), minSeats=task.min_seats)

        price_wei = max(bid.price_wei for bid in seated_bids)
        record = self.tasks[task_id]
        record.phase, record.price_wei, record.seats = State.AWARDED, price_wei, seats
        for seat in seats:
            self.accounts[seat.agent_id, task.token].accrued_wei -= task.bond_wei
        returned_wei = task.escrow_wei - price_wei * len(seats)
        self.balances[task.requester, task.token] += returned_wei
        awards = tuple(SeatAward(i, s.agent_id, s.wallet, s.weight) for i, s in enumerate(seats))
        self.events += [*skipped, TaskAwarded(task_id, price_wei, returned_wei, awards)]

    def commit(self, call: Call, task_id: bytes, seat: int, commitment: bytes) -> None:
        self._require(task_id, call.now_s, State.AWARDED)
        record = self._seat(task_id, seat)
        if record.tag is not Tag.AWARDED:
            raise ModelRevert("AlreadyCommitted", taskId=task_id, seat=seat)
        self._authorize(call, record.wallet)
        record.advance(Tag.COMMITTED, commitment)
        self.events.append(AnswerCommitted(task_id, record.agent_id, seat, commitment))

    def reveal(
        self,
        call: Call,
        task_id: bytes,
        seat: int,
        answer_digest: bytes,
        evidence_digest: bytes,
        salt: bytes,
        answer: bytes = b"",
    ) -> None:
        """Opens a commitment; open to anyone once all have committed or commitEnd is past."""
        state = self.state(task_id, call.now_s)
        all_committed = state is State.AWARDED and all(
            s.tag is not Tag.AWARDED for s in self.tasks[task_id].seats
        )
        if state is not State.REVEALING and not all_committed:
            raise ModelRevert("WrongState", taskId=task_id, have=state, want=State.REVEALING)
        record = self._seat(task_id, seat)
        if record.tag is Tag.AWARDED:
            raise ModelRevert("NotCommitted", taskId=task_id, seat=seat)
        if record.tag is Tag.REVEALED:
            raise ModelRevert("AlreadyRevealed", taskId=task_id, seat=seat)
        opened = commitment_of(task_id, record.agent_id, answer_digest, evidence_digest, salt)
        if opened[: tally.ANSWER_BYTES] != record.value:
            raise ModelRevert("CommitmentMismatch", taskId=task_id, seat=seat)
        if len(answer) > MAX_INLINE_ANSWER:
            raise ModelRevert("AnswerTooLong", length=len(answer), max=MAX_INLINE_ANSWER)
        if answer and hashlib.sha256(answer).digest() != answer_digest:
            raise ModelRevert("AnswerMismatch", answerDigest=answer_digest)
        if all_committed:
            self.tasks[task_id].phase = State.REVEALING
        record.advance(Tag.REVEALED, answer_digest)
        self.events.append(
            AnswerRevealed(task_id, record.agent_id, seat, answer_digest, evidence_digest, salt, answer)
        )

    def settle(self, call: Call, task: Task) -> None:
        """The one permissionless closer."""
        task_id = self.task_id_of(task)
        state = self.state(task_id, call.now_s)
        if state is State.UNAWARDED:
            self.tasks[task_id].close(State.EXPIRED)
            self.balances[task.requester, task.token] += task.escrow_wei
            self.events.append(TaskSettled(task_id, State.EXPIRED, b"", 0, 0, task.escrow_wei, 0, ()))
            return
        if state not in (State.AWARDED, State.REVEALING, State.CLOSING):
            raise ModelRevert("WrongState", taskId=task_id, have=state, want=State.CLOSING)
        record = self.tasks[task_id]
        for seat in record.seats:
            if seat.tag is Tag.AWARDED and state is State.AWARDED:
                raise ModelRevert("RevealsPending", taskId=task_id, until=task.commit_end_s)
            if seat.tag is Tag.COMMITTED and state is not State.CLOSING:
                raise ModelRevert("RevealsPending", taskId=task_id, until=task.reveal_end_s)
        done = tally.settle(
            task_id,
            task,
            record.price_wei,
            [seat.vote() for seat in record.seats],
            [seat.agent_id for seat in record.seats],
            [self.earned[seat.agent_id, task.page_id] for seat in record.seats],
        )
        for result in done.results:
            account = self.accounts[result.agent_id, task.token]
            account.accrued_wei += result.pay_wei + result.bond_returned_wei
            account.seats += 1
            account.won += result.score_bps > 0
            account.no_shows += not result.revealed
            self.earned[result.agent_id, task.page_id] = result.earned
        self.balances[task.requester, task.token] += done.refund_wei
        self.burnt[task.token] += done.burnt_wei
        record.close(done.outcome)
        self.events.append(
            TaskSettled(
                task_id,
                done.outcome,
                done.winner,
                done.winner_weight,
                done.total_weight,
                done.refund_wei,
                done.burnt_wei,
                done.results,
            )
        )

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

    def owed_wei(self) -> int:
        """Everything that the contract's coins stand for; Conservation says it equals `holdings_wei`."""
        return (
            sum(self.balances.values())
            + sum(account.accrued_wei for account in self.accounts.values())
            + sum(self.burnt.values())
            + sum(record.held_wei() for record in self.tasks.values())
        )

    # --- inside ---

    def _require(self, task_id: bytes, now_s: int, want: State) -> None:
        have = self.state(task_id, now_s)
        if have is not want:
            raise ModelRevert("WrongState", taskId=task_id, have=have, want=want)

    def _seat(self, task_id: bytes, seat: int) -> Seat:
        seats = self.tasks[task_id].seats
        if seat >= len(seats):
            raise ModelRevert("NoSuchSeat", taskId=task_id, seat=seat)
        return seats[seat]

    def _authorize(self, call: Call, expected: str) -> None:
        if call.signer is None:
            if call.sender != expected:
                raise ModelRevert("NotAuthorized", caller=call.sender, expected=expected)
        elif call.signer != expected or expected == ZERO_ADDRESS:
            raise ModelRevert("BadSignature", expected=expected)

    def _judge(self, now_s: int, task: Task, offer: OfferedBid, seated: Sequence[Seat]) -> Skip:
        bid = offer.bid
        owner, wallet = self.registry.owner_and_wallet(bid.agent_id)
        if owner == ZERO_ADDRESS or bid.agent_id >= 1 << 32:
            return Skip.UNKNOWN_AGENT
        if now_s > bid.expiry_s:
            return Skip.BID_EXPIRED
        if bid.price_wei > task.ceiling_wei:
            return Skip.PRICE_ABOVE_CEILING
        if any(self.registry.owner_and_wallet(seat.agent_id)[0] == owner for seat in seated):
            return Skip.OWNER_SEATED
        if (
            tally.match_bps(self.registry.declared(bid.agent_id, task.page_id), task.requirement)
            < task.min_match_bps
        ):
            return Skip.MATCH_TOO_LOW
        if offer.signer != wallet:
            return Skip.BAD_SIGNATURE
        if self.accounts[bid.agent_id, task.token].accrued_wei < task.bond_wei:
            return Skip.BOND_UNFUNDED
        return Skip.NONE

    def _send(self, to: str, amount_wei: int) -> None:
        if to == ZERO_ADDRESS:
            raise ModelRevert("ZeroAddress")
        if not self.accepts(to):
            raise ModelRevert("TransferFailed", to=to, amount=amount_wei)
        self.holdings_wei -= amount_wei
