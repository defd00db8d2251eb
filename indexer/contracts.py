"""Which contracts the index follows, and how their logs are read. A new contract of the deployment gets its line in `CONTRACTS`,
its events a projection (`indexer.projections`) and a reader of the audit (`indexer.replay`). Pure.

Some contracts serve any market, and anybody can have them say anything of a market of their own. They name the market that they
speak for in the first indexed parameter of every event; where that is another one, the log is none of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from symphony_chain import events, ledger_events, reward_events
from symphony_chain.abi import MARKET, PLANS, POOL, QUORUM, REGISTRY, signatures
from symphony_chain.deltas import DELTAS
from symphony_chain.deploy import CONTRACT_NAMES, Deployment
from symphony_chain.releases import RELEASES
from symphony_chain.reputation import REPUTATION
from symphony_chain.rpc_types import Log, address_topic

Decoder = Callable[[Log], Any]


@dataclass(frozen=True, slots=True)
class Contract:
    """Name of a contract's artifact, what makes typed events of its logs (None: they stay raw), whether it serves any market."""

    abi: str
    decode: Decoder | None
    shared: bool = False


#: By field of `Deployment`.
CONTRACTS = {
    "registry": Contract(REGISTRY, events.decode),
    "plans": Contract(PLANS, events.decode, shared=True),
    "pool": Contract(POOL, reward_events.decode, shared=True),
    "market": Contract(MARKET, events.decode),
    "quorum": Contract(QUORUM, None),
    "reputation": Contract(REPUTATION, ledger_events.decode),
    "releases": Contract(RELEASES, ledger_events.decode),
    "deltas": Contract(DELTAS, ledger_events.decode),
}


class Contracts:
    """The contracts of one deployment by address."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self._at: dict[str, Contract] = {getattr(deployment, name): CONTRACTS[name] for name in CONTRACT_NAMES}
        self._market = address_topic(deployment.market)

    @property
    def addresses(self) -> list[str]:
        """Whose logs are wanted."""
        return list(self._at)

    def address_of(self, abi: str) -> str:
        """Where the contract of an artifact is."""
        return next(address for address, contract in self._at.items() if contract.abi == abi)

    def ours(self, log: Log) -> bool:
        """Whether a log is of this deployment: of one of its contracts, and of no other market."""
        contract = self._at.get(log.address)
        return contract is not None and (not contract.shared or log.topics[1:2] == (self._market,))

    def decode(self, log: Log) -> Any:
        """The typed event of a log of ours, if it is one of the contract at the log's address; else None.

        Raises:
            InvalidInput: it should be one, but its data is not of that shape.
        """
        contract = self._at.get(log.address) if self.ours(log) else None
        if contract is None or contract.decode is None or not log.topics or log.topics[0] not in _topics(contract.abi):
            return None
        return contract.decode(log)


def decode(log: Log) -> Any:
    """The same for a log that is known to be of some contract of ours."""
    for contract in CONTRACTS.values():
        if contract.decode is not None and log.topics and log.topics[0] in _topics(contract.abi):
            return contract.decode(log)
    return None


def method_name(data: bytes) -> str | None:
    """Name of the contract function that calldata calls; None for a call that is none of ours (relayers, factories)."""
    return _methods().get(data[:4])


@cache
def _topics(abi: str) -> frozenset[bytes]:
    return frozenset(s.hash for s in signatures(abi, "event"))


@cache
def _methods() -> dict[bytes, str]:
    return {s.hash[:4]: s.name for c in CONTRACTS.values() for s in signatures(c.abi, "function")}
