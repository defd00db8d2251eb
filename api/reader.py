"""What the API asks of an index, as a protocol, and the facts of one task that its documents are assembled from.

`index_reader` implements it over the indexer's tables. Knows nothing of SQL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from api.schema.account import AccountAgent, Amount
from api.schema.agent import AgentDetail, AgentSummary
from api.schema.base import BlockRef, Finality, Page, Status, Totals
from api.schema.chain import BlockDetail, BlockSummary, Event, TransactionDetail
from api.schema.ledger import (
    Delta,
    Feedback,
    FeedbackCredit,
    PoolBook,
    PoolEpoch,
    PoolRecord,
    PoolTerms,
    Release,
    TaskAnchor,
)
from api.schema.task import Bid, PlanChild, Seat, TaskRecord
from symphony_chain.types import Task


@dataclass(frozen=True)
class TaskFilter:
    """Which tasks a list shows; None: all."""

    state: str | None = None
    requester: str | None = None
    agent_id: int | None = None


@dataclass(frozen=True)
class ReleaseFilter:
    """Which releases a list shows; None: all. `kind` is a label as text."""

    publisher: str | None = None
    kind: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Owed:
    """What the market owes in one token, and what it burnt of it."""

    token: str
    balances_wei: int
    accounts_wei: int
    escrow_wei: int
    burnt_wei: int


@dataclass(frozen=True)
class Closing:
    """What the contract said when it closed a task; `winner` is 26 bytes, empty unless Settled."""

    winner: bytes
    winner_weight: int
    total_weight: int
    evaluated: bool
    refund_wei: int
    burnt_wei: int
    fee_wei: int


@dataclass(frozen=True)
class AgentWord:
    """An agent's declared word on one page."""

    agent_id: int
    declared: int


@dataclass(frozen=True)
class SkippedBid:
    """A bid that the award passed over, published or not, and the contract's reason."""

    agent_id: int
    reason: str


@dataclass(frozen=True)
class ScoredFacts:
    """A closed seat that moved its agent's reputation; `confidence_bps` is of the agent's last published bid on the task."""

    task_id: str
    seat: int
    score_bps: int
    evaluated: bool
    confidence_bps: int | None
    block: BlockRef
    finality: Finality


@dataclass(frozen=True)
class TaskFacts:
    """All that the index knows of one task; the vote, the funnel and the money follow from it.

    `agents` are all agents registered, with their declared word on the task's page (0: page not declared).
    """

    record: TaskRecord
    task: Task
    returned_wei: int
    closing: Closing | None
    bids: tuple[Bid, ...] = ()
    skips: tuple[SkippedBid, ...] = ()
    seats: tuple[Seat, ...] = ()
    children: tuple[PlanChild, ...] = ()
    timeline: tuple[Event, ...] = ()
    agents: tuple[AgentWord, ...] = ()
    pool_record: PoolRecord | None = None
    credits: tuple[FeedbackCredit, ...] = ()
    anchors: tuple[TaskAnchor, ...] = ()


@dataclass(frozen=True, order=True)
class EventCursor:
    """A position in the event stream: after this event of this block."""

    block_number: int
    log_index: int


class Reader(Protocol):
    """Reads of one index. Ids are 0x-hex in lower case; cursors are opaque strings of the reader's own making.

    All may raise ChainUnavailable (no index yet) and BadCursor.
    """

    def status(self) -> Status: ...

    def totals(self) -> Totals: ...

    def tasks(self, only: TaskFilter, *, cursor: str | None, limit: int) -> Page[TaskRecord]: ...

    def task(self, task_id: str) -> TaskFacts | None: ...

    def agents(self, *, cursor: str | None, limit: int) -> Page[AgentSummary]: ...

    def agent(self, agent_id: int) -> AgentDetail | None: ...

    def agents_of(self, address: str) -> list[int]:
        """Agents whose wallet or owner is this address, by id."""

    def agent_files(self, *, limit: int) -> list[tuple[int, str]]:
        """Agents with the digest of their registration file, by id."""

    def scored_seats(self, agent_id: int) -> list[ScoredFacts]:
        """An agent's newest scored seats, oldest first."""

    def account(self, address: str) -> tuple[list[Amount], list[tuple[AccountAgent, str | None]]]:
        """Balances of an address, and its agents, each with the digest of its registration file."""

    def releases(self, only: ReleaseFilter, *, cursor: str | None, limit: int) -> Page[Release]: ...

    def deltas(
        self, *, agent_id: int | None = None, base_model: str | None = None, cursor: str | None = None, limit: int
    ) -> Page[Delta]: ...

    def feedback(
        self, *, agent_id: int | None = None, client: str | None = None, cursor: str | None = None, limit: int
    ) -> Page[Feedback]: ...

    def pool_books(self) -> list[PoolBook]: ...

    def pool_epochs(
        self, *, token: str, terms: PoolTerms | None, cursor: str | None, limit: int
    ) -> Page[PoolEpoch]: ...

    def pool_records(
        self, *, token: str | None = None, epoch: int | None = None, cursor: str | None = None, limit: int
    ) -> Page[PoolRecord]: ...

    def owed(self, *, cursor: str | None, limit: int) -> tuple[Page[Owed], BlockRef | None]:
        """Token by token, the native coin first; and the block at which all of it is owed."""

    def blocks(self, *, cursor: str | None, limit: int) -> Page[BlockSummary]: ...

    def block(self, number: int) -> BlockDetail | None: ...

    def block_number(self, block_hash: str) -> int | None:
        """Height of a canonical block; None for unknown and orphaned ones."""

    def transaction(self, tx_hash: str) -> TransactionDetail | None: ...

    def events_after(self, after: EventCursor, *, limit: int, task_id: str | None = None) -> list[Event]:
        """Events in chain order, each with its id; at most `limit`."""

    def block_hash(self, number: int) -> str | None:
        """Hash of the canonical block at a height, as far as it is indexed."""
