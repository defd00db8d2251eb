"""What the market model keeps of a task and its seats, and what time makes of it. Knows no money and no calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from symphony_chain.model.tally import ANSWER_BYTES, Vote
from symphony_chain.types import Kind, State, Task


class Tag(IntEnum):
    """The three lives of a seat."""

    AWARDED = 1
    COMMITTED = 2
    REVEALED = 3


@dataclass(slots=True)
class Seat:
    """A seat; `value` is the first 26 bytes of its commitment, later of its answer's digest."""

    agent_id: int
    wallet: str
    weight: int
    tag: Tag = Tag.AWARDED
    value: bytes = b""

    def advance(self, tag: Tag, digest: bytes) -> None:
        self.tag, self.value = tag, digest[:ANSWER_BYTES]

    def word(self) -> int:
        """The storage word as `contracts/libraries/Words.sol` draws it."""
        low = int(self.wallet, 16) if self.tag is Tag.AWARDED else int.from_bytes(self.value, "big")
        return self.tag << 254 | self.weight << 240 | self.agent_id << 208 | low

    def vote(self) -> Vote:
        return Vote(self.weight, self.value if self.tag is Tag.REVEALED else None)


@dataclass(slots=True)
class TaskRecord:
    """A posted task: what happened to it (`phase`), its seats while it lives, and the price they were awarded at."""

    task: Task
    phase: State = State.OPEN
    price_wei: int = 0
    free: int = 0  # seats of an open task that may still be taken
    seats: list[Seat] = field(default_factory=list)
    closed_at_s: int = 0
    receipt: bytes = bytes(26)

    def __post_init__(self) -> None:
        self.free = self.task.k if self.task.open else 0

    def state_at(self, now_s: int) -> State:
        """The state that block time makes of the phase."""
        state = self.phase
        if state is State.OPEN:
            if now_s <= self.task.bid_end_s:
                return state
            return State.FREE if self.free and now_s <= self.task.commit_end_s else State.UNAWARDED
        if state is State.AWARDED and now_s > self.task.commit_end_s:
            state = State.REVEALING
        if state is State.REVEALING and now_s > self.task.reveal_end_s:
            return State.CLOSING if now_s > self.task.evaluation_end_s else State.EVALUATING
        return state

    def all_committed(self) -> bool:
        """Nobody may still commit, whatever the time: every seat has, and none is free."""
        return not self.free and all(seat.tag is not Tag.AWARDED for seat in self.seats)

    def close(self, outcome: State, now_s: int, receipt: bytes = bytes(26)) -> None:
        """A closed task keeps its phase, its time and the receipt's digest only."""
        self.phase, self.price_wei, self.free, self.seats = outcome, 0, 0, []
        self.closed_at_s, self.receipt = now_s, receipt

    def word(self) -> int:
        """The storage word as `contracts/libraries/Words.sol` draws it."""
        if self.phase.is_final:
            return self.phase << 248 | self.closed_at_s << 208 | int.from_bytes(self.receipt, "big")
        task = self.task
        windows = (
            task.evaluation_window_s << 180
            | task.reveal_window_s << 158
            | (task.commit_end_s - task.bid_end_s) << 136
            | task.bid_end_s << 96
        )
        plan = (task.kind == Kind.PLAN) << 207
        return self.phase << 248 | len(self.seats) << 243 | plan | self.free << 202 | windows | self.price_wei

    def held_wei(self) -> int:
        """Escrow and bonds that the market holds for this task now."""
        if self.phase.is_final:
            return 0
        if not self.seats:
            return self.task.escrow_wei
        bonds_wei = self.task.bond_wei * len(self.seats)
        return self.price_wei * (len(self.seats) + self.free) + bonds_wei + self.task.evaluation_fee_wei
