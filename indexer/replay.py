"""The audit's own reading of the chain: every event checked against the model's rules, kept as facts. No projection code.

What a rule decides (weights, tally, pay, words) is taken from `symphony_chain.model`; where an event says otherwise, that is a
difference of the table ``chain``. Knows no SQL.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from indexer.report import Difference
from symphony_chain import events as ev
from symphony_chain.errors import InvalidInput
from symphony_chain.model import tally
from symphony_chain.rpc_types import Block, Log
from symphony_chain.signing import Domain, commitment, recover_bid, task_id
from symphony_chain.types import ZERO_ADDRESS, Bid, SeatResult, State, Task


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event is: its block and its log."""

    block: Block
    log: Log

    @property
    def tx(self) -> str:
        return "0x" + self.log.tx_hash.hex()


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
    """A seat as awarded, and what it did."""

    agent_id: int
    wallet: str
    weight: int
    committed: tuple[Place, ev.AnswerCommitted] | None = None
    revealed: tuple[Place, ev.AnswerRevealed] | None = None
    result: SeatResult | None = None

    @property
    def answer26(self) -> bytes | None:
        return self.revealed[1].answer_digest[: tally.ANSWER_BYTES] if self.revealed else None


@dataclass(slots=True)
class Closing:
    """How a task ended, by the model."""

    place: Place
    outcome: State
    winner: bytes = b""
    winner_weight: int | None = None
    total_weight: int | None = None
    refund_wei: int = 0
    burnt_wei: int = 0


@dataclass(slots=True)
class TaskFacts:
    """A task and everything that happened to it."""

    task: Task
    posted: Place
    bids: list[tuple[Place, ev.BidPosted]] = field(default_factory=list)
    skips: list[tuple[Place, ev.BidSkipped]] = field(default_factory=list)
    awarded: tuple[Place, ev.TaskAwarded] | None = None
    seats: list[SeatFacts] = field(default_factory=list)
    closing: Closing | None = None

    def places(self) -> list[Place]:
        """Where the task's own row changed."""
        acts = [act for seat in self.seats for act in (seat.committed, seat.revealed) if act is not None]
        out = [self.posted, *(place for place, _ in self.bids), *(place for place, _ in acts)]
        out += [self.awarded[0]] if self.awarded else []
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


class Replay:
    """Feeds on decoded events in chain order; ends as facts and findings."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.agents: dict[int, AgentFacts] = {}
        self.pages: dict[bytes, tuple[Place, str]] = {}
        self.tasks: dict[bytes, TaskFacts] = {}
        self.words: list[WordChange] = []
        self.entries: list[Entry] = []
        self.findings: list[Difference] = []
        self.declared: dict[tuple[int, bytes], int] = defaultdict(int)
        self.earned: dict[tuple[int, bytes], int] = defaultdict(int)
        self._readers: dict[type, Callable[[Place, Any], None]] = {
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
            ev.AnswerCommitted: self._committed,
            ev.AnswerRevealed: self._revealed,
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
        event = ev.decode(log)
        reader = self._readers.get(type(event))
        if reader is None:
            return
        try:
            reader(Place(block, log), event)
        except (KeyError, IndexError, InvalidInput) as error:
            # An event about something that never was: the rules forbid it, so the chain or the node is at fault.
            said = f"{type(event).__name__}: {error!r}"
            self.findings.append(Difference("chain", [block.number, log.log_index], "(event)", said, None))

    def _expect(self, key: object, column: str, said: object, computed: object) -> None:
        if said != computed:
            self.findings.append(Difference("chain", _show(key), column, _show(said), _show(computed)))

    def _enter(self, place: Place, kind: str, amount_wei: int, token: str, **of: Any) -> None:
        if amount_wei:
            same = [e for e in self.entries[-40:] if e.place.log is place.log]
            self.entries.append(Entry(place, len(same), kind, amount_wei, token, **of))

    # --- registry ---

    def _transfer(self, place: Place, e: ev.Transfer) -> None:
        if e.from_ == ZERO_ADDRESS:
            self.agents[e.agent_id] = AgentFacts(place, e.to, touched=[place])
            return
        agent = self.agents[e.agent_id]
        self._expect(e.agent_id, "Transfer.from", e.from_, agent.owner)
        agent.owner = e.to
        agent.touched.append(place)

    def _registered(self, place: Place, e: ev.Registered) -> None:
        agent = self.agents[e.agent_id]
        self._expect(e.agent_id, "Registered.owner", e.owner, agent.owner)
        agent.uri = e.agent_uri
        agent.touched.append(place)

    def _file(self, place: Place, e: ev.FileSet) -> None:
        self.agents[e.agent_id].file_digest = e.digest
        self.agents[e.agent_id].touched.append(place)

    def _uri(self, place: Place, e: ev.URIUpdated) -> None:
        self.agents[e.agent_id].uri = e.new_uri
        self.agents[e.agent_id].touched.append(place)

    def _wallet(self, place: Place, e: ev.AgentWalletChanged) -> None:
        self.agents[e.agent_id].wallet = e.wallet
        self.agents[e.agent_id].touched.append(place)

    def _declared(self, place: Place, e: ev.CapabilitiesDeclared) -> None:
        self.declared[e.agent_id, e.page_id] = e.word
        self.words.append(WordChange(place, 0, e.agent_id, e.page_id, "declared", e.word))

    def _page(self, place: Place, e: ev.SkillPagePublished) -> None:
        self.pages.setdefault(e.page_id, (place, e.tags))

    # --- life of a task ---

    def _posted(self, place: Place, e: ev.TaskPosted) -> None:
        self._expect(e.task_id, "TaskPosted.taskId", e.task_id, task_id(self.domain, e.task))
        self.tasks[e.task_id] = TaskFacts(e.task, place)
        self._enter(
            place, "escrow", e.task.ceiling_wei * e.task.k, e.task.token, task_id=e.task_id, account=e.task.requester
        )

    def _cancelled(self, place: Place, e: ev.TaskCancelled) -> None:
        facts = self.tasks[e.task_id]
        escrow_wei = facts.task.ceiling_wei * facts.task.k
        self._expect(e.task_id, "TaskCancelled.refund", e.refund_wei, escrow_wei)
        facts.closing = Closing(place, State.CANCELLED, refund_wei=escrow_wei)
        self._refund(place, "refund", escrow_wei, e.task_id)

    def _bid(self, place: Place, e: ev.BidPosted) -> None:
        signer = recover_bid(
            self.domain, e.task_id, Bid(e.agent_id, e.price_wei, e.confidence_bps, e.expiry_s, e.signature)
        )
        self._expect(e.task_id, "BidPosted.signature", signer, self.agents[e.agent_id].acting_wallet)
        self.tasks[e.task_id].bids.append((place, e))

    def _awarded(self, place: Place, e: ev.TaskAwarded) -> None:
        facts = self.tasks[e.task_id]
        task, seats = facts.task, e.seats
        facts.awarded = (place, e)
        escrow_wei = task.ceiling_wei * task.k
        self._expect(e.task_id, "TaskAwarded.returned", e.returned_wei, escrow_wei - e.price_wei * len(seats))
        self._expect(e.task_id, "TaskAwarded.seats", task.min_seats <= len(seats) <= task.k, True)
        self._expect(e.task_id, "TaskAwarded.price", 0 <= e.price_wei <= task.ceiling_wei, True)
        owners = {self.agents[seat.agent_id].owner for seat in seats}
        self._expect(e.task_id, "TaskAwarded.owners", len(owners), len(seats))
        self._refund(place, "returned", escrow_wei - e.price_wei * len(seats), e.task_id)
        for seat in seats:
            key = (seat.agent_id, task.page_id)
            declared, earned = self.declared[key], self.earned[key]
            weight = tally.seat_weight(declared, earned, task.requirement)
            wallet = self.agents[seat.agent_id].acting_wallet
            fits = tally.match_bps(declared, task.requirement) >= task.min_match_bps
            self._expect((e.task_id, seat.seat), "TaskAwarded.weight", seat.weight, weight)
            self._expect((e.task_id, seat.seat), "TaskAwarded.wallet", seat.wallet, wallet)
            self._expect((e.task_id, seat.seat), "TaskAwarded.match", fits, True)
            facts.seats.append(SeatFacts(seat.agent_id, wallet, weight))
            self._enter(
                place, "bond", task.bond_wei, task.token, task_id=e.task_id, seat=seat.seat, agent_id=seat.agent_id
            )

    def _committed(self, place: Place, e: ev.AnswerCommitted) -> None:
        seat = self.tasks[e.task_id].seats[e.seat]
        self._expect((e.task_id, e.seat), "AnswerCommitted.agentId", e.agent_id, seat.agent_id)
        self._expect((e.task_id, e.seat), "AnswerCommitted.once", seat.committed, None)
        seat.committed = (place, e)

    def _revealed(self, place: Place, e: ev.AnswerRevealed) -> None:
        seat = self.tasks[e.task_id].seats[e.seat]
        opened = commitment(e.task_id, seat.agent_id, e.answer_digest, e.evidence_digest, e.salt)
        sealed = seat.committed[1].commitment if seat.committed else b""
        # The seat word keeps 26 bytes of the commitment; that is what an opening is held against.
        self._expect((e.task_id, e.seat), "AnswerRevealed.opening", opened[:26], sealed[:26])
        seat.revealed = (place, e)

    def _settled(self, place: Place, e: ev.TaskSettled) -> None:
        facts = self.tasks[e.task_id]
        if facts.awarded is None:
            escrow_wei = facts.task.ceiling_wei * facts.task.k
            facts.closing = Closing(place, State.EXPIRED, b"", 0, 0, escrow_wei, 0)
        else:
            self._settle_seats(place, e.task_id, facts, facts.awarded[1].price_wei)
        closing = facts.closing
        assert closing is not None
        self._expect(e.task_id, "TaskSettled.outcome", e.outcome.name, closing.outcome.name)
        self._expect(e.task_id, "TaskSettled.winner", e.winner, closing.winner)
        self._expect(e.task_id, "TaskSettled.winnerWeight", e.winner_weight, closing.winner_weight)
        self._expect(e.task_id, "TaskSettled.totalWeight", e.total_weight, closing.total_weight)
        self._expect(e.task_id, "TaskSettled.refund", e.refund_wei, closing.refund_wei)
        self._expect(e.task_id, "TaskSettled.burnt", e.burnt_wei, closing.burnt_wei)
        self._expect(e.task_id, "TaskSettled.results", e.results, tuple(seat.result for seat in facts.seats))
        self._refund(place, "refund", closing.refund_wei, e.task_id)
        self._enter(place, "burnt", closing.burnt_wei, facts.task.token, task_id=e.task_id)

    def _settle_seats(self, place: Place, key: bytes, facts: TaskFacts, price_wei: int) -> None:
        task = facts.task
        votes = [tally.Vote(seat.weight, seat.answer26) for seat in facts.seats]
        ids = [seat.agent_id for seat in facts.seats]
        earned = [self.earned[agent_id, task.page_id] for agent_id in ids]
        done = tally.settle(key, task, price_wei, votes, ids, earned)
        facts.closing = Closing(
            place, done.outcome, done.winner, done.winner_weight, done.total_weight, done.refund_wei, done.burnt_wei
        )
        for seat, result in zip(facts.seats, done.results, strict=True):
            seat.result = result
            of = {"task_id": key, "seat": result.seat, "agent_id": result.agent_id}
            self._enter(place, "pay", result.pay_wei, task.token, **of)
            self._enter(place, "bond_returned", result.bond_returned_wei, task.token, **of)
            if result.scored:
                self.earned[result.agent_id, task.page_id] = result.earned
                self.words.append(
                    WordChange(
                        place, result.seat, result.agent_id, task.page_id, "earned", result.earned, key, result.score_bps
                    )
                )

    def _refund(self, place: Place, kind: str, amount_wei: int, key: bytes) -> None:
        task = self.tasks[key].task
        self._enter(place, kind, amount_wei, task.token, task_id=key, account=task.requester)


def _show(value: object) -> object:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, tuple):
        return [_show(item) for item in value]
    return value if isinstance(value, (int, str, bool, type(None))) else repr(value)
