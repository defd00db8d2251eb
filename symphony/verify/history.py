"""One task's story as the chain's logs tell it, in order, with the place of every event.

Believes the logs; `receipt` checks them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from symphony.verify.reader import ChainReader
from symphony_chain.abi import MARKET, PLANS, signatures
from symphony_chain.errors import InvalidInput, NotFound
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
    decode,
)
from symphony_chain.rpc import Log
from symphony_chain.rpc_types import address_topic
from symphony_chain.types import Kind, SeatAward, State, Task

E = TypeVar("E", covariant=True)
MIN_PREFIX = 6


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where in the chain: events are totally ordered by it."""

    block: int
    log_index: int


@dataclass(frozen=True, slots=True)
class Entry(Generic[E]):
    """An event and the log it was read from."""

    event: E
    log: Log

    @property
    def at(self) -> Position:
        return Position(self.log.block_number, self.log.log_index)


@dataclass(frozen=True, slots=True)
class TaskHistory:
    """All events of one task, oldest first in each list."""

    task_id: bytes
    posted: Entry[TaskPosted]
    bids: tuple[Entry[BidPosted], ...]
    skipped: tuple[Entry[BidSkipped], ...]
    awarded: Entry[TaskAwarded] | None
    taken: tuple[Entry[SeatTaken], ...]
    commits: tuple[Entry[AnswerCommitted], ...]
    reveals: tuple[Entry[AnswerRevealed], ...]
    plans: tuple[Entry[PlanRevealed], ...]
    closed: Entry[TaskSettled] | Entry[TaskCancelled] | None
    timeline: tuple[Entry[Event], ...]

    @property
    def task(self) -> Task:
        return self.posted.event.task

    @property
    def seats(self) -> tuple[tuple[Position, SeatAward], ...]:
        """Every seat that was given, in order, and where: all in an award, or taken one by one."""
        awarded = self.awarded
        given = [(awarded.at, seat) for seat in awarded.event.seats] if awarded is not None else []
        return (*given, *((entry.at, entry.event.award) for entry in self.taken))

    @property
    def free(self) -> int:
        """Seats that nobody took; an award leaves none."""
        return self.task.k - len(self.taken) if self.task.open and self.awarded is None else 0

    @property
    def price_wei(self) -> int:
        """Most that a seat is paid; 0 before there is one."""
        if self.awarded is not None:
            return self.awarded.event.price_wei
        return self.task.ceiling_wei if self.taken else 0


def topic(name: str, contract: str = MARKET) -> bytes:
    """First topic of an event."""
    return next(s.hash for s in signatures(contract, "event") if s.name == name)


def load_history(reader: ChainReader, task_id: bytes) -> TaskHistory:
    """Everything that the chain says of a task.

    Raises:
        NotFound: it was never posted here. InvalidInput: a log is malformed.
    """
    entries = [_entry(log) for log in reader.logs(reader.deployment.market, [None, task_id])]
    known = [entry for entry in entries if entry is not None]
    posted = _of(known, TaskPosted)
    if not posted:
        raise unknown_task("0x" + task_id.hex())
    reveals = _of(known, AnswerRevealed)
    plans = _plans(reader, task_id) if posted[0].event.task.kind == Kind.PLAN else ()
    known = sorted([*known, *plans], key=lambda entry: entry.at)
    awarded = _of(known, TaskAwarded)
    closed: list[Entry[TaskSettled] | Entry[TaskCancelled]] = [
        *_of(known, TaskSettled),
        *_of(known, TaskCancelled),
    ]
    return TaskHistory(
        task_id=task_id,
        posted=posted[0],
        bids=_of(known, BidPosted),
        skipped=_of(known, BidSkipped),
        awarded=awarded[0] if awarded else None,
        taken=_of(known, SeatTaken),
        commits=_of(known, AnswerCommitted),
        reveals=reveals,
        plans=plans,
        closed=closed[0] if closed else None,
        timeline=tuple(known),
    )


def _entry(log: Log) -> Entry[Event] | None:
    event = decode(log)
    # `Transfer`-like topics cannot occur at the market; a bytes32 second topic alone does not make an event ours.
    return Entry(event, log) if event is not None and hasattr(event, "task_id") else None


def _plans(reader: ChainReader, task_id: bytes) -> tuple[Entry[PlanRevealed], ...]:
    """What `Plans` said for this market; for others, it can be made to say anything."""
    where = reader.deployment
    logs = reader.logs(where.plans, [topic("PlanRevealed", PLANS), address_topic(where.market), task_id])
    return _of([entry for entry in map(_entry, logs) if entry is not None], PlanRevealed)


T = TypeVar("T")


def _of(entries: list[Entry[Event]], kind: type[T]) -> tuple[Entry[T], ...]:
    return tuple(Entry(entry.event, entry.log) for entry in entries if isinstance(entry.event, kind))


@dataclass(frozen=True, slots=True)
class TaskLine:
    """One task in a list: its parameters and how far its events go (what deadlines make of it is the reader's to say).

    `price_wei` is that of an award; seats that were taken are paid the ceiling.
    """

    task_id: bytes
    task: Task
    posted_block: int
    price_wei: int | None
    seats: tuple[int, ...]
    commits: int
    closed: State | None


def list_tasks(reader: ChainReader) -> list[TaskLine]:
    """Every task of the market, newest first."""
    wanted = [
        topic(name)
        for name in ("TaskPosted", "TaskAwarded", "SeatTaken", "AnswerCommitted", "TaskSettled", "TaskCancelled")
    ]
    lines: dict[bytes, TaskLine] = {}
    for log in reader.logs(reader.deployment.market, [wanted]):
        event = decode(log)
        if isinstance(event, TaskPosted):
            lines[event.task_id] = TaskLine(event.task_id, event.task, log.block_number, None, (), 0, None)
        elif isinstance(event, LineEvent) and event.task_id in lines:
            lines[event.task_id] = _advanced(lines[event.task_id], event)
    return list(reversed(lines.values()))


LineEvent = TaskAwarded | SeatTaken | AnswerCommitted | TaskSettled | TaskCancelled


def _advanced(line: TaskLine, event: LineEvent) -> TaskLine:
    match event:
        case TaskAwarded():
            return replace(
                line, price_wei=event.price_wei, seats=tuple(seat.agent_id for seat in event.seats)
            )
        case SeatTaken():
            return replace(line, seats=(*line.seats, event.agent_id))
        case AnswerCommitted():
            return replace(line, commits=line.commits + 1)
        case TaskSettled():
            return replace(line, closed=event.outcome)
        case TaskCancelled():
            return replace(line, closed=State.CANCELLED)


def resolve_task_id(reader: ChainReader, text: str) -> bytes:
    """A whole task id (0x and 64 hex digits), or the one task whose id starts with at least six digits.

    Raises:
        InvalidInput: neither. NotFound: no task starts so.
    """
    digits = text.lower().removeprefix("0x")
    try:
        bytes.fromhex(digits + "0" * (len(digits) % 2))
    except ValueError:
        digits = ""
    if not MIN_PREFIX <= len(digits) <= 64:
        raise InvalidInput(
            f"{text[:80]!r} is not a task id",
            hint=f"a task id is 0x and 64 hex digits, or at least its first {MIN_PREFIX}; `symphony task list` shows them",
            code="task.bad_id",
        )
    if len(digits) == 64:
        return bytes.fromhex(digits)
    found = [line.task_id for line in list_tasks(reader) if line.task_id.hex().startswith(digits)]
    if not found:
        raise unknown_task(text)
    if len(found) > 1:
        raise InvalidInput(
            f"{len(found)} tasks start with {text}",
            hint="give more digits of the id",
            code="task.ambiguous_id",
        )
    return found[0]


def unknown_task(text: str) -> NotFound:
    return NotFound(
        f"there is no task {text} on this market",
        hint="`symphony task list` shows the tasks; is --rpc the right chain?",
        code="task.unknown",
    )
