"""The runtime's picture of the chain: tasks and agents folded from events, exact under reorganisations. Pure.

Every entity is a `Versioned` value, so that a rollback restores what was there before. Workers and requesters read it. Knows
nothing of how blocks are read (see `chain_view`) or what anybody wants.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median_high
from typing import Generic, TypeVar

from symphony_chain import events as ev
from symphony_chain.rpc_types import Block
from symphony_chain.skills import unpack_word
from symphony_chain.types import NATIVE, ZERO_ADDRESS, Bid, Kind, SeatAward, State, Task

K = TypeVar("K")
T = TypeVar("T")
NO_BLOCK = -1
#: Blocks whose times tell how fast the chain is.
RECENT_BLOCKS = 16


class Versioned(Generic[T]):
    """A value and the block of each change that may still be undone."""

    __slots__ = ("_history",)

    def __init__(self, initial: T) -> None:
        self._history: list[tuple[int, T]] = [(NO_BLOCK, initial)]

    @property
    def now(self) -> T:
        return self._history[-1][1]

    def set(self, block_number: int, value: T) -> None:
        if self._history[-1][0] == block_number:
            self._history.pop()
        self._history.append((block_number, value))

    def rollback(self, to_number: int) -> None:
        """Forgets every change above a height."""
        while self._history[-1][0] > to_number:
            self._history.pop()

    def prune(self, final_number: int) -> None:
        """Keeps of what is final only the last version."""
        last_final = max((i for i, (number, _) in enumerate(self._history) if number <= final_number), default=0)
        if last_final:
            self._history[:last_final] = []
            self._history[0] = (NO_BLOCK, self._history[0][1])


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task as its events tell it: seats are awarded together, or taken one by one. ``touched``: block of its last event."""

    task_id: bytes
    task: Task
    posted: Block
    touched: Block
    bids: tuple[ev.BidPosted, ...] = ()
    skips: tuple[ev.BidSkipped, ...] = ()
    award: ev.TaskAwarded | None = None
    taken: tuple[SeatAward, ...] = ()
    commits: Mapping[int, bytes] = field(default_factory=dict)
    reveals: Mapping[int, ev.AnswerRevealed] = field(default_factory=dict)
    settled: ev.TaskSettled | None = None
    cancelled: ev.TaskCancelled | None = None

    @property
    def closed(self) -> bool:
        return self.settled is not None or self.cancelled is not None

    @property
    def seats(self) -> tuple[SeatAward, ...]:
        """The seated agents, in the order of their seats."""
        return self.award.seats if self.award else self.taken

    @property
    def price_wei(self) -> int:
        """Most that each seat earns; 0 while nobody is seated. A seat that was taken earns the ceiling."""
        if self.award is not None:
            return self.award.price_wei
        return self.task.ceiling_wei if self.taken else 0

    @property
    def all_committed(self) -> bool:
        """Every seat that there can be has committed."""
        return bool(self.seats) and not self._free and len(self.commits) == len(self.seats)

    @property
    def _free(self) -> int:
        """Seats that nobody has; an award closes the rest of an open task."""
        return self.task.k - len(self.taken) if self.task.open and self.award is None else 0

    def free_at(self, timestamp_s: int) -> int:
        """Seats that an agent may take in a block of that time."""
        task = self.task
        return self._free if not self.closed and task.bid_end_s < timestamp_s <= task.commit_end_s else 0

    def seat_of(self, agent_id: int) -> int | None:
        """Seat number of an agent, None where it has none."""
        return next((seat.seat for seat in self.seats if seat.agent_id == agent_id), None)

    def state_at(self, timestamp_s: int) -> State:
        """The state in which a block of that time finds the task. Revealing begins when all have committed, as reveals do."""
        task = self.task
        if self.cancelled is not None:
            return State.CANCELLED
        if self.settled is not None:
            return self.settled.outcome
        if not self.seats:
            if timestamp_s <= task.bid_end_s:
                return State.OPEN
            return State.FREE if self.free_at(timestamp_s) else State.UNAWARDED
        if timestamp_s > task.evaluation_end_s:
            return State.CLOSING
        if timestamp_s > task.reveal_end_s:
            return State.EVALUATING
        return State.REVEALING if self.all_committed or timestamp_s > task.commit_end_s else State.AWARDED

    def may_settle_at(self, timestamp_s: int) -> bool:
        """Whether `settle` would be accepted: nobody may still act, or the task was never awarded in time."""
        state = self.state_at(timestamp_s)
        if state is State.REVEALING and self.task.evaluator == ZERO_ADDRESS:
            return self._all_shown
        return state in (State.UNAWARDED, State.CLOSING)

    @property
    def ends_with_reveals(self) -> bool:
        """Whether the last reveal may settle in the same transaction: no evaluator is waited for, and it is no plan's."""
        return self.task.evaluator == ZERO_ADDRESS and self.task.kind != Kind.PLAN

    def is_last_reveal(self, seat: int) -> bool:
        """Whether nobody but this seat may still reveal, and `revealAndSettle` would be accepted from it."""
        return self.ends_with_reveals and not (self.commits.keys() - self.reveals.keys() - {seat})

    def may_evaluate_at(self, timestamp_s: int) -> bool:
        """Whether the evaluator's scores would be accepted: no seat may still act, and its time is not over."""
        state = self.state_at(timestamp_s)
        return state is State.EVALUATING or (state is State.REVEALING and self._all_shown)

    @property
    def _all_shown(self) -> bool:
        return all(seat in self.reveals for seat in self.commits)


Scores = Mapping[tuple[bytes, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class AgentView:
    """One agent as its events tell it. ``scores`` keeps (Σ requirement, Σ requirement · score bps) per (page, lane).

    ``claims`` counts the claims by token; ``fundings`` what the owner itself put in, in native coins.
    """

    agent_id: int
    owner: str = ZERO_ADDRESS
    wallet: str = ZERO_ADDRESS  # zero: the owner itself
    file_digest: bytes = bytes(32)
    declared: Mapping[bytes, int] = field(default_factory=dict)
    earned: Mapping[bytes, int] = field(default_factory=dict)
    scores: Scores = field(default_factory=dict)
    seats: int = 0
    no_shows: int = 0
    claims: Mapping[str, int] = field(default_factory=dict)
    fundings: int = 0

    @property
    def operator(self) -> str:
        """The key that bids and commits for it."""
        return self.owner if self.wallet == ZERO_ADDRESS else self.wallet


class ChainBook:
    """All tasks and agents up to `head`; tasks that closed beyond finality are forgotten."""

    def __init__(self) -> None:
        self.head: Block | None = None
        self._tasks: dict[bytes, Versioned[TaskView | None]] = {}
        self._agents: dict[int, Versioned[AgentView | None]] = {}
        self._pages: Versioned[frozenset[bytes]] = Versioned(frozenset())
        self._recent: deque[Block] = deque(maxlen=RECENT_BLOCKS)

    # ---- reading -----------------------------------------------------------------------------------------------------

    def task(self, task_id: bytes) -> TaskView | None:
        entry = self._tasks.get(task_id)
        return entry.now if entry else None

    def tasks(self) -> Iterator[TaskView]:
        """Tasks in the order of their posting."""
        return (entry.now for entry in list(self._tasks.values()) if entry.now is not None)

    def agent(self, agent_id: int) -> AgentView | None:
        entry = self._agents.get(agent_id)
        return entry.now if entry else None

    def agents(self) -> Iterator[AgentView]:
        return (entry.now for entry in list(self._agents.values()) if entry.now is not None)

    @property
    def pages(self) -> frozenset[bytes]:
        """Ids of the published skill pages."""
        return self._pages.now

    @property
    def block_time_s(self) -> int:
        """Seconds from block to block, the median of the last ones: a missed slot or a clock set forward does not count. 0 while
        there are too few.
        """
        times = [block.timestamp for block in self._recent]
        return median_high(later - earlier for earlier, later in pairwise(times)) if len(times) > 1 else 0

    # ---- writing -----------------------------------------------------------------------------------------------------

    def apply(self, block: Block, events: list[ev.Event]) -> None:
        """Adds the next block."""
        for event in events:
            self._fold(block, event)
        self._recent.append(block)
        self.head = block

    def rollback(self, to_number: int, head: Block | None) -> None:
        """Drops every block above a height; ``head`` is what is left on top."""
        _rollback(self._tasks, to_number)
        _rollback(self._agents, to_number)
        self._pages.rollback(to_number)
        while self._recent and self._recent[-1].number > to_number:
            self._recent.pop()
        self.head = head

    def prune(self, final_number: int) -> None:
        """Forgets what a rollback can no longer need."""
        for task_id, entry in list(self._tasks.items()):
            view = entry.now
            if view is not None and view.closed and view.touched.number <= final_number:
                del self._tasks[task_id]
            else:
                entry.prune(final_number)
        for agent in self._agents.values():
            agent.prune(final_number)
        self._pages.prune(final_number)

    # ---- folding -----------------------------------------------------------------------------------------------------

    def _fold(self, block: Block, event: ev.Event) -> None:
        match event:
            case ev.TaskPosted():
                entry: Versioned[TaskView | None] = Versioned(None)
                entry.set(block.number, TaskView(event.task_id, event.task, block, block))
                self._tasks[event.task_id] = entry
            case ev.SkillPagePublished():
                self._pages.set(block.number, self._pages.now | {event.page_id})
            case (
                ev.TaskCancelled()
                | ev.BidPosted()
                | ev.BidSkipped()
                | ev.TaskAwarded()
                | ev.SeatTaken()
                | ev.AnswerCommitted()
                | ev.AnswerRevealed()
                | ev.TaskSettled()
            ):
                self._fold_task(block, event)
            case (
                ev.Transfer()
                | ev.FileSet()
                | ev.CapabilitiesDeclared()
                | ev.AgentWalletChanged()
                | ev.AgentFunded()
                | ev.PayClaimed()
            ):
                self._fold_agent(block, event)
            case _:
                pass

    def _fold_task(self, block: Block, event: TaskEvent) -> None:
        entry = self._tasks.get(event.task_id)
        view = entry.now if entry else None
        if entry is None or view is None:
            return  # posted before the first block followed
        entry.set(block.number, fold_task(view, block, event))
        if isinstance(event, ev.TaskSettled):
            for result in event.results:
                self._change_agent(block, result.agent_id, event, view.task)

    def _fold_agent(self, block: Block, event: AgentEvent) -> None:
        self._change_agent(block, event.agent_id, event, None)

    def _change_agent(self, block: Block, agent_id: int, event: AgentEvent | ev.TaskSettled, task: Task | None) -> None:
        entry = self._agents.setdefault(agent_id, Versioned(None))
        entry.set(block.number, fold_agent(entry.now or AgentView(agent_id), event, task))


def _rollback(entries: dict[K, Versioned[T | None]], to_number: int) -> None:
    for key, entry in list(entries.items()):
        entry.rollback(to_number)
        if entry.now is None:
            del entries[key]


TaskEvent = (
    ev.TaskCancelled
    | ev.BidPosted
    | ev.BidSkipped
    | ev.TaskAwarded
    | ev.SeatTaken
    | ev.AnswerCommitted
    | ev.AnswerRevealed
    | ev.TaskSettled
)
AgentEvent = ev.Transfer | ev.FileSet | ev.CapabilitiesDeclared | ev.AgentWalletChanged | ev.AgentFunded | ev.PayClaimed


def fold_task(view: TaskView, block: Block, event: TaskEvent) -> TaskView:
    """The view after one event of its task."""
    match event:
        case ev.BidPosted():
            return replace(view, touched=block, bids=(*view.bids, event))
        case ev.BidSkipped():
            return replace(view, touched=block, skips=(*view.skips, event))
        case ev.TaskAwarded():
            return replace(view, touched=block, award=event)
        case ev.SeatTaken():
            return replace(view, touched=block, taken=(*view.taken, event.award))
        case ev.AnswerCommitted():
            return replace(view, touched=block, commits={**view.commits, event.seat: event.commitment})
        case ev.AnswerRevealed():
            return replace(view, touched=block, reveals={**view.reveals, event.seat: event})
        case ev.TaskSettled():
            return replace(view, touched=block, settled=event)
        case ev.TaskCancelled():
            return replace(view, touched=block, cancelled=event)


def fold_agent(view: AgentView, event: AgentEvent | ev.TaskSettled, task: Task | None) -> AgentView:
    """The view after one event of its agent; ``task`` is the settled task where the event is its settlement."""
    match event:
        case ev.Transfer():
            return replace(view, owner=event.to)
        case ev.FileSet():
            return replace(view, file_digest=event.digest)
        case ev.CapabilitiesDeclared():
            return replace(view, declared={**view.declared, event.page_id: event.word})
        case ev.AgentWalletChanged():
            return replace(view, wallet=event.wallet)
        case ev.AgentFunded():
            by_owner = event.token == NATIVE and event.from_ == view.owner
            return replace(view, fundings=view.fundings + by_owner)
        case ev.PayClaimed():
            return replace(view, claims={**view.claims, event.token: view.claims.get(event.token, 0) + 1})
        case ev.TaskSettled():
            assert task is not None
            return _after_settlement(view, event, task)


def with_score(scores: Scores, task: Task, score_bps: int) -> Scores:
    """The scores of an agent (see `AgentView`) after one more, weighted by what the task asked for."""
    after = dict(scores)
    for lane, weight in enumerate(unpack_word(task.requirement)):
        if weight:
            total, weighted = after.get((task.page_id, lane), (0, 0))
            after[(task.page_id, lane)] = (total + weight, weighted + weight * score_bps)
    return after


def _after_settlement(view: AgentView, event: ev.TaskSettled, task: Task) -> AgentView:
    result = next(result for result in event.results if result.agent_id == view.agent_id)
    return replace(
        view,
        earned={**view.earned, task.page_id: result.earned},
        scores=with_score(view.scores, task, result.score_bps) if result.scored else view.scores,
        seats=view.seats + 1,
        no_shows=view.no_shows + (not result.revealed),
    )


def bid_of(event: ev.BidPosted) -> Bid:
    """The published bid as `award` takes it."""
    return Bid(event.agent_id, event.price_wei, event.confidence_bps, event.expiry_s, event.signature)
