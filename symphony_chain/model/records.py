"""What the market model keeps of a task and its seats, and what time makes of it. Knows no money and no calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from symphony_chain.model.tally import ANSWER_BYTES, Vote
from symphony_chain.types import State, Task


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
    seats: list[Seat] = field(default_factory=list)

    def state_at(self, now_s: int) -> State:
        """The state that block time makes of the phase."""
        state = self.phase
        if state is State.OPEN and now_s > self.task.bid_end_s:
            return State.UNAWARDED
        if state is State.AWARDED and now_s > self.task.commit_end_s:
            state = State.REVEALING
        if state is State.REVEALING and now_s > self.task.reveal_end_s:
            return State.CLOSING
        return state

    def close(self, outcome: State) -> None:
        """A closed task keeps its phase only."""
        self.phase, self.price_wei, self.seats = outcome, 0, []

    def held_wei(self) -> int:
        """Escrow and bonds that the market holds for this task now."""
        if self.phase is State.OPEN:
            return self.task.escrow_wei
        return (self.price_wei + self.task.bond_wei) * len(self.seats)
