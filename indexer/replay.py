"""The audit's own reading of the chain: every event checked against the model's rules, kept as facts. No projection code.

What a rule decides (weights, tally, pay, words) is taken from `symphony_chain.model`; where an event says otherwise, that is a
difference of the table ``chain``. Knows no SQL.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from indexer.contracts import Contracts
from indexer.place import Place
from indexer.replay_ledger import LedgerReplay, text_of
from indexer.report import Difference
from symphony_chain import events as ev
from symphony_chain.deploy import Deployment
from symphony_chain.errors import InvalidInput
from symphony_chain.model import tally
from symphony_chain.model.market import MarketModel
from symphony_chain.model.records import Seat, Tag, TaskRecord
from symphony_chain.model.registry import Agent, RegistryModel
from symphony_chain.model.tally import ScoreRules
from symphony_chain.rewards import PoolTerms
from symphony_chain.rpc_types import Block, Log
from symphony_chain.signing import commitment, plan_evidence, recover_bid, task_id
from symphony_chain.types import (
    NATIVE,
    ZERO_ADDRESS,
    Bid,
    Receipt,
    SeatAward,
    SeatResult,
    State,
    Task,
    receipt_digest,
)


@dataclass(slots=True)
class AgentFacts:
    """An agent: who it is now, and where each thing was said."""

    minted: Place
    owner: str
    wallet: str = ZERO_ADDRESS  # zero: the owner
    uri: str = ""
    file_digest: bytes | None = None
    touched: list[Place] = field(default_factory=list)

    @property
    def acting_wallet(self) -> str:
        return self.owner if self.wallet == ZERO_ADDRESS else self.wallet


@dataclass(slots=True)
class SeatFacts:
    """A seat as it was given, and what it did; `weight` is what it votes with, at most `award_weight`."""

    seated: Place
    agent_id: int
    wallet: str
    award_weight: int
    weight: int
    committed: tuple[Place, ev.AnswerCommitted] | None = None
    revealed: tuple[Place, ev.AnswerRevealed] | None = None
    plan: tuple[Place, ev.PlanRevealed] | None = None
    result: SeatResult | None = None

    @property
    def answer26(self) -> bytes | None:
        return self.revealed[1].answer_digest[: tally.ANSWER_BYTES] if self.revealed else None


@dataclass(slots=True)
class Closing:
    """How a task ended, by the model; `settled` is empty where nobody was seated."""

    place: Place
    outcome: State
    refund_wei: int
    settled: tally.Settlement | None = None


@dataclass(slots=True)
class TaskFacts:
    """A task and everything that happened to it. `record` is what the contract's storage must hold of it."""

    task: Task
    posted: Place
    value_wei: int
    record: TaskRecord
    bids: list[tuple[Place, ev.BidPosted]] = field(default_factory=list)
    skips: list[tuple[Place, ev.BidSkipped]] = field(default_factory=list)
    awarded: Place | None = None  # or the first seat was taken
    price_wei: int = 0
    returned_wei: int = 0
    seats: list[SeatFacts] = field(default_factory=list)
    closing: Closing | None = None

    def places(self) -> list[Place]:
        """Where the task's own row changed."""
        acts = [act for seat in self.seats for act in (seat.committed, seat.revealed) if act is not None]
        out = [self.posted, *(place for place, _ in self.bids), *(place for place, _ in acts)]
        out += [seat.seated for seat in self.seats]
        return out + ([self.closing.place] if self.closing else [])


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement of money."""

    place: Place
    seq: int
    kind: str
    amount_wei: int
    token: str
    task_id: bytes | None = None
    seat: int | None = None
    agent_id: int | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True)
class WordChange:
    """A capability word that was set, declared or earned."""

    place: Place
    seq: int
    agent_id: int
    page_id: bytes
    kind: str
    word: int
    task_id: bytes | None = None
    score_bps: int | None = None


@dataclass(frozen=True, slots=True)
class Unproven:
    """A signature that no key made: right only if `wallet` was a contract at that block, which answers for it (ERC-1271)."""

    wallet: str
    block_number: int
    difference: Difference


class Replay:
    """Feeds on decoded events in chain order; ends as facts and findings."""

    def __init__(self, deployment: Deployment, rules: ScoreRules, terms: PoolTerms) -> None:
        self.domain = deployment.domain
        self._contracts = Contracts(deployment)
        self._rules = rules
        self._pool = deployment.pool
        self.registry = RegistryModel()
        # Keeps the tasks' records, as the contract does; what happens to them is decided here, from the events.
        self.market = MarketModel(self.registry, 0, self._task_id, rules, deployment.pool, deployment.market)
        self.agents: dict[int, AgentFacts] = {}
        self.pages: dict[bytes, tuple[Place, str]] = {}
        self.tasks: dict[bytes, TaskFacts] = {}
        self.words: list[WordChange] = []
        self.entries: list[Entry] = []
        self.findings: list[Difference] = []
        self.unproven: list[Unproven] = []
        self.declared: dict[tuple[int, bytes], int] = defaultdict(int)
        self.earned: dict[tuple[int, bytes], int] = defaultdict(int)
        self.ledger = LedgerReplay(deployment, self.market, terms, self._receipt_of, self.findings.append)
        self._readers: dict[type, Callable[[Place, Any], None]] = self.ledger.readers() | {
            ev.Transfer: self._transfer,
            ev.Registered: self._registered,
            ev.FileSet: self._file,
            ev.URIUpdated: self._uri,
            ev.AgentWalletChanged: self._wallet,
            ev.CapabilitiesDeclared: self._declared,
            ev.SkillPagePublished: self._page,
            ev.TaskPosted: self._posted,
            ev.TaskCancelled: self._cancelled,
            ev.BidPosted: self._bid,
            ev.BidSkipped: lambda place, e: self.tasks[e.task_id].skips.append((place, e)),
            ev.TaskAwarded: self._awarded,
            ev.SeatTaken: self._taken,
            ev.AnswerCommitted: self._committed,
            ev.AnswerRevealed: self._revealed,
            ev.PlanRevealed: self._planned,
            ev.TaskSettled: self._settled,
            ev.Deposited: lambda place, e: self._enter(place, "deposit", e.amount_wei, e.token, account=e.account),
            ev.Withdrawn: lambda place, e: self._enter(place, "withdrawal", e.amount_wei, e.token, account=e.account),
            ev.AgentFunded: lambda place, e: self._enter(
                place, "agent_funding", e.amount_wei, e.token, agent_id=e.agent_id, account=e.from_
            ),
            ev.PayClaimed: lambda place, e: self._enter(
                place, "claim", e.amount_wei, e.token, agent_id=e.agent_id, account=e.to
            ),
        }

    def read(self, block: Block, log: Log) -> None:
        """Takes the next log."""
        event = self._contracts.decode(log)
        reader = self._readers.get(type(event))
        if reader is None:
            return
        try:
            reader(Place(block, log), event)
        except (KeyError, IndexError, InvalidInput) as error:
            # An event about something that never was: the rules forbid it, so the chain or the node is at fault.
            said = f"{type(event).__name__}: {error!r}"
            self.findings.append(Difference("chain", [block.number, log.log_index], "(event)", said, None))

    def _task_id(self, task: Task) -> bytes:
        return task_id(self.domain, task)

    def _receipt_of(self, key: bytes) -> Receipt:
        """The receipt of a closed task; KeyError where there is none."""
        facts = self.tasks[key]
        if facts.closing is None or facts.closing.settled is None:
            raise KeyError(key)
        return Receipt(facts.task, facts.closing.settled.winner, facts.closing.settled.results)

    def _expect(self, key: object, column: str, said: object, computed: object) -> None:
        if said != computed:
            self.findings.append(Difference("chain", _show(key), column, _show(said), _show(computed)))

    def _enter(self, place: Place, kind: str, amount_wei: int, token: str, **of: Any) -> None:
        if amount_wei:
            last = self.entries[-1] if self.entries else None
            seq = last.seq + 1 if last is not None and last.place.log is place.log else 0
            self.entries.append(Entry(place, seq, kind, amount_wei, token, **of))

    # --- registry ---

    def _transfer(self, place: Place, e: ev.Transfer) -> None:
        if e.from_ == ZERO_ADDRESS:
            self.agents[e.agent_id] = AgentFacts(place, e.to, touched=[place])
            self.registry.agents[e.agent_id] = Agent(e.to)
            return
        agent = self.agents[e.agent_id]
        self._expect(e.agent_id, "Transfer.from", e.from_, agent.owner)
        agent.owner = self.registry.agents[e.agent_id].owner = e.to
        agent.touched.append(place)

    def _registered(self, place: Place, e: ev.Registered) -> None:
        agent = self.agents[e.agent_id]
        self._expect(e.agent_id, "Registered.owner", e.owner, agent.owner)
        agent.uri = text_of(e.agent_uri)
        agent.touched.append(place)

    def _file(self, place: Place, e: ev.FileSet) -> None:
        self.agents[e.agent_id].file_digest = e.digest
        self.agents[e.agent_id].touched.append(place)

    def _uri(self, place: Place, e: ev.URIUpdated) -> None:
        self.agents[e.agent_id].uri = text_of(e.new_uri)
        self.agents[e.agent_id].touched.append(place)

    def _wallet(self, place: Place, e: ev.AgentWalletChanged) -> None:
        self.agents[e.agent_id].wallet = e.wallet
        self.registry.agents[e.agent_id].wallet = "" if e.wallet == ZERO_ADDRESS else e.wallet
        self.agents[e.agent_id].touched.append(place)

    def _declared(self, place: Place, e: ev.CapabilitiesDeclared) -> None:
        self.declared[e.agent_id, e.page_id] = e.word
        self.words.append(WordChange(place, 0, e.agent_id, e.page_id, "declared", e.word))

    def _page(self, place: Place, e: ev.SkillPagePublished) -> None:
        self.pages.setdefault(e.page_id, (place, text_of(e.tags)))

    # --- life of a task ---

    def _posted(self, place: Place, e: ev.TaskPosted) -> None:
        task, key = e.task, e.task_id
        self._expect(key, "TaskPosted.taskId", key, task_id(self.domain, task))
        self._expect(key, "TaskPosted.once", key in self.tasks, False)
        self._expect(key, "TaskPosted.value", e.value_wei == 0 or task.token == NATIVE, True)
        record = self.market.tasks[key] = TaskRecord(task)
        self.tasks[key] = TaskFacts(task, place, e.value_wei, record)
        self._enter(place, "deposit", e.value_wei, NATIVE, task_id=key, account=task.requester)
        self._enter(place, "escrow", task.escrow_wei, task.token, task_id=key, account=task.requester)

    def _cancelled(self, place: Place, e: ev.TaskCancelled) -> None:
        facts = self.tasks[e.task_id]
        self._in_state(place, e, State.OPEN, State.FREE, State.UNAWARDED)
        self._expect(e.task_id, "TaskCancelled.refund", e.refund_wei, facts.task.escrow_wei)
        self._close_unseated(place, e.task_id, State.CANCELLED)

    def _bid(self, place: Place, e: ev.BidPosted) -> None:
        self._in_state(place, e, State.OPEN)
        bid = Bid(e.agent_id, e.price_wei, e.confidence_bps, e.expiry_s, e.signature)
        signer, wallet = recover_bid(self.domain, e.task_id, bid), self.agents[e.agent_id].acting_wallet
        if signer != wallet:
            difference = Difference("chain", _show(e.task_id), "BidPosted.signature", signer, wallet)
            self.unproven.append(Unproven(wallet, place.block.number, difference))
        self.tasks[e.task_id].bids.append((place, e))

    def _awarded(self, place: Place, e: ev.TaskAwarded) -> None:
        facts, seats = self.tasks[e.task_id], e.seats
        task, record = facts.task, facts.record
        self._in_state(place, e, State.OPEN)
        facts.awarded, facts.price_wei = place, e.price_wei
        facts.returned_wei = task.ceiling_wei * task.k - e.price_wei * len(seats)
        self._expect(e.task_id, "TaskAwarded.returned", e.returned_wei, facts.returned_wei)
        self._expect(e.task_id, "TaskAwarded.seats", task.min_seats <= len(seats) <= task.k, True)
        self._expect(e.task_id, "TaskAwarded.price", 0 <= e.price_wei <= task.ceiling_wei, True)
        record.phase, record.price_wei, record.free = State.AWARDED, e.price_wei, 0
        self._enter(
            place, "returned", facts.returned_wei, task.token, task_id=e.task_id, account=task.requester
        )
        for award in seats:
            self._seat(place, e.task_id, award, "TaskAwarded")

    def _taken(self, place: Place, e: ev.SeatTaken) -> None:
        facts = self.tasks[e.task_id]
        self._in_state(place, e, *((State.FREE, State.AWARDED) if facts.record.free else ()))
        facts.awarded, facts.price_wei = facts.awarded or place, facts.task.ceiling_wei
        self._expect(e.task_id, "SeatTaken.agentId", e.agent_id, e.award.agent_id)
        self._seat(place, e.task_id, e.award, "SeatTaken")
        record = facts.record
        record.phase, record.price_wei, record.free = State.AWARDED, facts.price_wei, facts.task.k - len(record.seats)

    def _seat(self, place: Place, key: bytes, award: SeatAward, said_by: str) -> None:
        """A new seat: what the ledger says of the agent at this moment must be what the event says."""
        facts = self.tasks[key]
        task, agent_id, number = facts.task, award.agent_id, len(facts.seats)
        declared, earned = self.declared[agent_id, task.page_id], self.earned[agent_id, task.page_id]
        weight = tally.seat_weight(declared, earned, task.requirement)
        agent = self.agents[agent_id]
        wallet = agent.acting_wallet
        fits = tally.match_bps(declared, task.requirement) >= task.min_match_bps
        seated = {self.agents[seat.agent_id].owner for seat in facts.seats}
        self._expect((key, number), f"{said_by}.index", award.seat, number)
        self._expect((key, number), f"{said_by}.weight", award.weight, weight)
        self._expect((key, number), f"{said_by}.wallet", award.wallet, wallet)
        self._expect((key, number), f"{said_by}.match", fits, True)
        self._expect((key, number), f"{said_by}.owners", agent.owner in seated, False)
        facts.seats.append(SeatFacts(place, agent_id, wallet, weight, weight))
        facts.record.seats.append(Seat(agent_id, wallet, weight))
        self._enter(place, "bond", task.bond_wei, task.token, task_id=key, seat=number, agent_id=agent_id)

    def _committed(self, place: Place, e: ev.AnswerCommitted) -> None:
        facts = self.tasks[e.task_id]
        seat, key = facts.seats[e.seat], (e.task_id, e.seat)
        self._in_state(place, e, State.AWARDED)
        self._expect(key, "AnswerCommitted.agentId", e.agent_id, seat.agent_id)
        self._expect(key, "AnswerCommitted.once", seat.committed, None)
        seat.committed = (place, e)
        facts.record.seats[e.seat].advance(Tag.COMMITTED, e.commitment)

    def _revealed(self, place: Place, e: ev.AnswerRevealed) -> None:
        facts = self.tasks[e.task_id]
        seat, record, key = facts.seats[e.seat], facts.record, (e.task_id, e.seat)
        state = record.state_at(place.block.timestamp)
        early = state is State.AWARDED and not record.free and all(s.tag is not Tag.AWARDED for s in record.seats)
        self._expect(key, "AnswerRevealed.state", early or state is State.REVEALING, True)
        opened = commitment(e.task_id, seat.agent_id, e.answer_digest, e.evidence_digest, e.salt)
        # The seat word keeps 26 bytes of the commitment; that is what an opening is held against.
        sealed = record.seats[e.seat].value if record.seats[e.seat].tag is Tag.COMMITTED else b""
        self._expect(key, "AnswerRevealed.opening", opened[: tally.ANSWER_BYTES], sealed)
        self._expect(key, "AnswerRevealed.answer", not e.answer or sha256(e.answer).digest() == e.answer_digest, True)
        if early and len(record.seats) > 1:
            record.phase = State.REVEALING
        seat.revealed = (place, e)
        record.seats[e.seat].advance(Tag.REVEALED, e.answer_digest)

    def _planned(self, place: Place, e: ev.PlanRevealed) -> None:
        facts = self.tasks[e.task_id]
        seat, key = facts.seats[e.seat], (e.task_id, e.seat)
        sealed = seat.revealed[1].evidence_digest if seat.revealed else None
        self._expect(key, "PlanRevealed.agentId", e.agent_id, seat.agent_id)
        self._expect(key, "PlanRevealed.children", plan_evidence(e.trace_digest, e.children), sealed)
        weights = [weight for child in e.children for weight in self._child_weights(e.task_id, seat, child)]
        weight = min(seat.award_weight, sum(weights) // len(weights)) if weights else seat.award_weight
        self._expect(key, "PlanRevealed.weight", e.weight, weight)
        seat.plan, seat.weight, facts.record.seats[e.seat].weight = (place, e), weight, weight

    def _child_weights(self, parent: bytes, planner: SeatFacts, child: bytes) -> list[int]:
        """Weights of a child's winning seats; none where it does not count: late, not the planner's, or its own work."""
        facts, plan = self.tasks.get(child), self.tasks[parent].task
        if facts is None or facts.closing is None or facts.closing.outcome is not State.SETTLED:
            return []
        owner = self.agents[planner.agent_id].owner
        ours = facts.task.parent == parent and facts.task.requester in (owner, self.agents[planner.agent_id].acting_wallet)
        results = [seat.result for seat in facts.seats if seat.result is not None]
        if not ours or facts.closing.place.block.timestamp > plan.commit_end_s:
            return []
        if any(self.agents[result.agent_id].owner == owner for result in results):
            return []
        return [result.weight for result in results if result.won]

    def _settled(self, place: Place, e: ev.TaskSettled) -> None:
        facts, key = self.tasks[e.task_id], e.task_id
        if facts.seats:
            self._settle_seats(place, e, facts)
        else:
            self._in_state(place, e, State.UNAWARDED)
            self._close_unseated(place, key, State.EXPIRED)
        closing = facts.closing
        assert closing is not None
        done = closing.settled
        self._expect(key, "TaskSettled.outcome", e.outcome.name, closing.outcome.name)
        self._expect(key, "TaskSettled.winner", e.winner, done.winner if done else b"")
        self._expect(key, "TaskSettled.winnerWeight", e.winner_weight, done.winner_weight if done else 0)
        self._expect(key, "TaskSettled.totalWeight", e.total_weight, done.total_weight if done else 0)
        self._expect(key, "TaskSettled.evaluated", e.evaluated, done.evaluated if done else False)
        self._expect(key, "TaskSettled.refund", e.refund_wei, closing.refund_wei)
        self._expect(key, "TaskSettled.burnt", e.burnt_wei, done.burnt_wei if done else 0)
        self._expect(key, "TaskSettled.fee", e.fee_wei, done.fee_wei if done else 0)
        self._expect(key, "TaskSettled.results", e.results, done.results if done else ())

    def _settle_seats(self, place: Place, e: ev.TaskSettled, facts: TaskFacts) -> None:
        task, record, key = facts.task, facts.record, e.task_id
        self._check_close(place, e, facts)
        done = tally.settle(
            key,
            task,
            record.price_wei,
            [seat.vote() for seat in record.seats],
            [seat.agent_id for seat in record.seats],
            [self.earned[seat.agent_id, task.page_id] for seat in record.seats],
            rules=self._rules,
            free_seats=record.free,
            # Only the evaluator knows its scores; that the contract had these, its receipt proves.
            scores_bps=[result.score_bps for result in e.results] if e.evaluated else None,
        )
        facts.closing = Closing(place, done.outcome, done.refund_wei, done)
        for seat, result in zip(facts.seats, done.results, strict=True):
            seat.result = result
            of: dict[str, Any] = {"task_id": key, "seat": result.seat, "agent_id": result.agent_id}
            shared_wei = tally.shared_wei(task, result)
            self._enter(place, "pay", result.pay_wei - shared_wei, task.token, **of)
            self._enter(place, "shared", shared_wei, task.token, account=self._pool, **of)
            self._enter(place, "bond_returned", tally.bond_returned_wei(task, result), task.token, **of)
            if result.scored:
                self.earned[result.agent_id, task.page_id] = result.earned
                self.words.append(
                    WordChange(
                        place, result.seat, result.agent_id, task.page_id, "earned", result.earned, key, result.score_bps
                    )
                )
        self._enter(place, "fee", done.fee_wei, task.token, task_id=key, account=task.evaluator)
        self._enter(place, "refund", done.refund_wei, task.token, task_id=key, account=task.requester)
        self._enter(place, "burnt", done.burnt_wei, task.token, task_id=key)
        record.close(done.outcome, place.block.timestamp, receipt_digest(done.winner, done.results))

    def _check_close(self, place: Place, e: ev.TaskSettled, facts: TaskFacts) -> None:
        """Nobody closes a task while a seat, a newcomer or the evaluator may still act; the evaluator does, in its window."""
        record, state = facts.record, facts.record.state_at(place.block.timestamp)
        tags = {seat.tag for seat in record.seats}
        waiting = state is State.AWARDED and (record.free > 0 or Tag.AWARDED in tags)
        waiting = waiting or (state < State.EVALUATING and Tag.COMMITTED in tags)
        if facts.task.evaluator == ZERO_ADDRESS:
            waiting = waiting or e.evaluated
        elif e.outcome is not State.VOID:  # which says nothing of who closed it
            waiting = waiting or e.evaluated == (state is State.CLOSING)
        self._expect(e.task_id, "TaskSettled.state", waiting, False)

    def _close_unseated(self, place: Place, key: bytes, outcome: State) -> None:
        facts = self.tasks[key]
        task, refund_wei = facts.task, facts.task.escrow_wei
        facts.closing = Closing(place, outcome, refund_wei)
        facts.record.close(outcome, place.block.timestamp)
        self._enter(place, "refund", refund_wei, task.token, task_id=key, account=task.requester)

    def _in_state(self, place: Place, event: Any, *allowed: State) -> None:
        """The step must have been open to anybody at its block time."""
        state = self.tasks[event.task_id].record.state_at(place.block.timestamp)
        self._expect(event.task_id, f"{type(event).__name__}.state", state in allowed, True)


def _show(value: object) -> object:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, tuple):
        return [_show(item) for item in value]
    return value if isinstance(value, (int, str, bool, type(None))) else repr(value)
