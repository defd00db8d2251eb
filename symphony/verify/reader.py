"""What verification reads of a chain: logs, block times, transactions, receipts.

Believes no database. Knows no meaning of logs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from symphony_chain.deploy import Deployment
from symphony_chain.errors import Failure, RpcError
from symphony_chain.market import MarketClient
from symphony_chain.model.tally import ScoreRules
from symphony_chain.rpc import Log, Receipt, Rpc, Tx
from symphony_chain.types import State

Topics = Sequence[bytes | Sequence[bytes] | None]
#: A node that refuses even this few blocks per query has another trouble than the range.
LEAST_BLOCKS = 16


class ChainReader(Protocol):
    """The chain as a verifier sees it; tests put a lying one in its place."""

    @property
    def deployment(self) -> Deployment: ...

    def logs(self, address: str, topics: Topics) -> list[Log]:
        """All logs of a contract since its deployment, oldest first."""

    def block_time_s(self, number: int) -> int:
        """Timestamp of a block."""

    def transaction(self, tx_hash: bytes) -> Tx | None: ...

    def receipt(self, tx_hash: bytes) -> Receipt | None: ...

    def state(self, task_id: bytes) -> State:
        """The contract's own word on where a task stands."""

    def closing(self, task_id: bytes) -> tuple[State, int, bytes]:
        """What the contract keeps of a closed task: outcome, block time, 26-byte digest of winner and results."""

    def rules(self) -> ScoreRules:
        """The market's constants of scoring."""

    def has_code(self, address: str) -> bool:
        """Whether an address is a contract: what it signs, its code answers for (ERC-1271)."""


class RpcReader:
    """A `ChainReader` over one node; block times, transactions and receipts are read once."""

    def __init__(self, rpc: Rpc, deployment: Deployment) -> None:
        self.rpc = rpc
        self._deployment = deployment
        self._rules: ScoreRules | None = None
        self._times: dict[int, int] = {}
        self._txs: dict[bytes, Tx | None] = {}
        self._receipts: dict[bytes, Receipt | None] = {}

    @property
    def deployment(self) -> Deployment:
        return self._deployment

    def logs(self, address: str, topics: Topics) -> list[Log]:
        """Nodes bound a query's range or size in ways of their own: on refusal the range is halved."""
        found: list[Log] = []
        first, head = self._deployment.block, self.rpc.block_number()
        span = max(1, head - first + 1)
        while first <= head:
            last = min(head, first + span - 1)
            try:
                found += self.rpc.get_logs(from_block=first, to_block=last, address=address, topics=topics)
            except RpcError:
                if span <= LEAST_BLOCKS:
                    raise
                span //= 2
                continue
            first = last + 1
        return sorted(found, key=lambda log: (log.block_number, log.log_index))

    def block_time_s(self, number: int) -> int:
        if number not in self._times:
            block = self.rpc.get_block(number)
            if block is None:
                raise Failure(
                    f"the node no longer has block {number}",
                    hint="the chain was reorganised meanwhile: run the same command again",
                    code="chain.block_missing",
                )
            self._times[number] = block.timestamp
        return self._times[number]

    def transaction(self, tx_hash: bytes) -> Tx | None:
        if tx_hash not in self._txs:
            self._txs[tx_hash] = self.rpc.get_transaction(tx_hash)
        return self._txs[tx_hash]

    def receipt(self, tx_hash: bytes) -> Receipt | None:
        if tx_hash not in self._receipts:
            self._receipts[tx_hash] = self.rpc.get_receipt(tx_hash)
        return self._receipts[tx_hash]

    def state(self, task_id: bytes) -> State:
        return MarketClient(self.rpc, self._deployment.market).state(task_id)

    def closing(self, task_id: bytes) -> tuple[State, int, bytes]:
        return MarketClient(self.rpc, self._deployment.market).receipt(task_id)

    def rules(self) -> ScoreRules:
        if self._rules is None:
            policy = MarketClient(self.rpc, self._deployment.market).policy()
            self._rules = ScoreRules(policy.score_token, policy.score_min_wei, policy.score_burn_bps)
        return self._rules

    def has_code(self, address: str) -> bool:
        return bool(self.rpc.get_code(address))
