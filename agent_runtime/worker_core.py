"""What all parts of one running worker share: who it is, what it sees, where it writes. Knows no task's life."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from eth_account.signers.local import LocalAccount

from agent_runtime.chain_book import AgentView, ChainBook
from agent_runtime.config import WorkerConfig
from agent_runtime.faults import Fault
from agent_runtime.outbox import Outbox, Write
from agent_runtime.slashing_protection import ProtectionDb
from agent_runtime.worker_store import WorkerStore
from symphony_chain.content import ContentStore
from symphony_chain.deploy import Deployment
from symphony_chain.rpc_types import Block


@dataclass(frozen=True)
class Core:
    """One worker's means. ``agent_id`` is its number in the registry; ``operator`` signs bids and commits."""

    config: WorkerConfig
    deployment: Deployment
    agent_id: int
    owner: str
    operator: LocalAccount
    book: ChainBook
    outbox: Outbox
    store: WorkerStore
    content: ContentStore
    protection: ProtectionDb
    fault: Fault
    clock: Callable[[], float]

    @property
    def head(self) -> Block:
        """Newest block of the picture; deadlines are compared with its timestamp alone."""
        assert self.book.head is not None
        return self.book.head

    @property
    def me(self) -> AgentView:
        """This agent as the chain shows it."""
        return self.book.agent(self.agent_id) or AgentView(self.agent_id)

    def write(self, op: str, key: str, data: bytes, *, to: str | None = None) -> Write:
        """A call by the operator key, to the market unless `to` names another contract."""
        return self.outbox.write(op, key, to or self.deployment.market, data, head_number=self.head.number)
