"""Typed events of RewardPool and their decoder: a log in, a frozen dataclass out. Pure; as `events` for the other contracts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from symphony_chain.abi import POOL
from symphony_chain.event_table import EventTable, Values


@dataclass(frozen=True, slots=True)
class Recorded:
    """A closed task's gift joined the pot of `epoch`; `sharing`: in time, so its seats share in that epoch."""

    market: str
    token: str
    task_id: bytes
    epoch: int
    amount_wei: int
    sharing: bool


@dataclass(frozen=True, slots=True)
class Finalised:
    """Of `released_wei`, with what came over from earlier epochs, `reserved_wei` is for the seats, who gave `given_wei`."""

    market: str
    token: str
    epoch: int
    released_wei: int
    given_wei: int
    reserved_wei: int


@dataclass(frozen=True, slots=True)
class Shared:
    """A seat that gave `given_wei` got `amount_wei` (a token's own fees apart)."""

    market: str
    task_id: bytes
    agent_id: int
    token: str
    seat: int
    given_wei: int
    amount_wei: int


RewardEvent = Recorded | Finalised | Shared
#: Each dataclass has its event's parameters in the event's order.
_BUILDERS: dict[str, Callable[[Values], RewardEvent]] = {
    "Recorded": lambda v: Recorded(*v.values()),
    "Finalised": lambda v: Finalised(*v.values()),
    "Shared": lambda v: Shared(*v.values()),
}
_TABLE: EventTable[RewardEvent] = EventTable((POOL,), _BUILDERS)
topics = _TABLE.topics
decode = _TABLE.decode
