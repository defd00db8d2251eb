"""What an agent was at one point of the chain: owner, wallet, declared and earned word, from logs alone.

Needs no archive node. Knows nothing of tasks but the earned words that their settlements left.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from symphony.verify.history import Position, topic
from symphony.verify.reader import ChainReader
from symphony_chain.abi import REGISTRY, signatures
from symphony_chain.events import (
    AgentWalletChanged,
    CapabilitiesDeclared,
    TaskPosted,
    TaskSettled,
    Transfer,
    decode,
)
from symphony_chain.rpc import Log
from symphony_chain.types import ZERO_ADDRESS

V = TypeVar("V")
Series = list[tuple[Position, V]]
IDS_PER_QUERY = 100


@dataclass(frozen=True, slots=True)
class AgentAt:
    """An agent at one position; words are uint256 of sixteen lanes. `wallet` is the owner where none is set."""

    agent_id: int
    owner: str
    wallet: str
    declared: int
    earned: int


class AgentFacts:
    """Agents as they were just before a position, for one skill page. Reads each agent's logs once."""

    def __init__(self, reader: ChainReader, page_id: bytes) -> None:
        self._reader = reader
        self._page_id = page_id
        self._owners: dict[int, Series[str]] = {}
        self._wallets: dict[int, Series[str]] = {}
        self._declared: dict[int, Series[int]] = {}
        self._earned: dict[int, Series[int]] | None = None

    def at(self, agent_id: int, position: Position) -> AgentAt:
        """The agent after everything before `position`; zero address and words where nothing was said yet."""
        if agent_id not in self._owners:
            self._load(agent_id)
        owner = _before(self._owners[agent_id], position, ZERO_ADDRESS)
        wallet = _before(self._wallets[agent_id], position, ZERO_ADDRESS)
        declared = _before(self._declared[agent_id], position, 0)
        return AgentAt(
            agent_id,
            owner,
            owner if wallet == ZERO_ADDRESS else wallet,
            declared,
            self.earned(agent_id, position),
        )

    def earned(self, agent_id: int, position: Position) -> int:
        """The earned word that the last settlement before `position` on this page left."""
        if self._earned is None:
            self._earned = self._load_earned()
        return _before(self._earned.get(agent_id, []), position, 0)

    def _load(self, agent_id: int) -> None:
        word = agent_id.to_bytes(32, "big")
        self._owners[agent_id] = [
            (position, event.to) for position, event in self._events(Transfer, [None, None, word])
        ]
        self._wallets[agent_id] = [
            (position, event.wallet) for position, event in self._events(AgentWalletChanged, [word])
        ]
        self._declared[agent_id] = [
            (position, event.word)
            for position, event in self._events(CapabilitiesDeclared, [word, self._page_id])
        ]

    def _events(self, kind: type[V], rest: Sequence[bytes | None]) -> Series[V]:
        first = next(s.hash for s in signatures(REGISTRY, "event") if s.name == kind.__name__)
        logs = self._reader.logs(self._reader.deployment.registry, [first, *rest])
        decoded = [(_position(log), decode(log)) for log in logs]
        return [(position, event) for position, event in decoded if isinstance(event, kind)]

    def _load_earned(self) -> dict[int, Series[int]]:
        logs = self._reader.logs(self._reader.deployment.market, [topic("TaskSettled")])
        settled = [(_position(log), event) for log in logs if isinstance(event := decode(log), TaskSettled)]
        pages = self._pages([event.task_id for _, event in settled])
        words: dict[int, Series[int]] = {}
        for position, event in settled:
            if pages.get(event.task_id) == self._page_id:
                for result in event.results:
                    words.setdefault(result.agent_id, []).append((position, result.earned))
        return words

    def _pages(self, task_ids: list[bytes]) -> dict[bytes, bytes]:
        pages: dict[bytes, bytes] = {}
        for start in range(0, len(task_ids), IDS_PER_QUERY):
            wanted = task_ids[start : start + IDS_PER_QUERY]
            for log in self._reader.logs(self._reader.deployment.market, [topic("TaskPosted"), wanted]):
                event = decode(log)
                if isinstance(event, TaskPosted):
                    pages[event.task_id] = event.task.page_id
        return pages


def _position(log: Log) -> Position:
    return Position(log.block_number, log.log_index)


def _before(series: Series[V], position: Position, default: V) -> V:
    index = bisect_left([at for at, _ in series], position)
    return series[index - 1][1] if index else default
