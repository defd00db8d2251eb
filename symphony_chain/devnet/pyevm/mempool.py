"""Transactions that wait for a block, per sender in nonce order. Knows neither state nor gas; its lock is its
own.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from eth.abc import SignedTransactionAPI

from symphony_chain.devnet.pyevm.faults import TRANSACTION_REJECTED, RpcFault


@dataclass(frozen=True)
class Pooled:
    """One waiting transaction and its place in the order of arrival."""

    tx: SignedTransactionAPI
    arrival: int


class Mempool:
    """At most one transaction per (sender, nonce); gaps wait until they are filled."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._arrivals = itertools.count()
        self._by_sender: dict[bytes, dict[int, Pooled]] = {}
        self._by_hash: dict[bytes, SignedTransactionAPI] = {}

    def add(self, tx: SignedTransactionAPI) -> None:
        """Takes a validated transaction; RpcFault if it is known or pays too little to replace another."""
        with self._lock:
            if tx.hash in self._by_hash:
                raise RpcFault(TRANSACTION_REJECTED, "transaction already imported: already known")
            queue = self._by_sender.setdefault(tx.sender, {})
            old = queue.get(tx.nonce)
            if old is not None:
                if tx.max_fee_per_gas * 10 < old.tx.max_fee_per_gas * 11:
                    raise RpcFault(TRANSACTION_REJECTED, "replacement transaction underpriced")
                del self._by_hash[old.tx.hash]
            queue[tx.nonce] = Pooled(tx, next(self._arrivals))
            self._by_hash[tx.hash] = tx

    def get(self, tx_hash: bytes) -> SignedTransactionAPI | None:
        """A waiting transaction by hash."""
        with self._lock:
            return self._by_hash.get(tx_hash)

    def remove(self, tx: SignedTransactionAPI) -> None:
        """Forgets one transaction if it waits here."""
        with self._lock:
            if self._by_hash.pop(tx.hash, None) is not None:
                del self._by_sender[tx.sender][tx.nonce]

    def next_nonce(self, sender: bytes, state_nonce: int) -> int:
        """The nonce after the sender's run of waiting transactions without a gap."""
        with self._lock:
            queue = self._by_sender.get(sender, {})
            while state_nonce in queue:
                state_nonce += 1
            return state_nonce

    def prune(self, nonce_of: Callable[[bytes], int]) -> None:
        """Forgets transactions whose nonce the state has passed."""
        with self._lock:
            for sender, queue in list(self._by_sender.items()):
                if not queue:
                    del self._by_sender[sender]
                    continue
                floor = nonce_of(sender)
                for nonce in [nonce for nonce in queue if nonce < floor]:
                    del self._by_hash[queue.pop(nonce).tx.hash]

    def candidates(self, nonce_of: Callable[[bytes], int]) -> Candidates:
        """The transactions that may go into the next block, oldest first; each sender's in nonce order."""
        with self._lock:
            queues = {sender: dict(queue) for sender, queue in self._by_sender.items()}
        return Candidates(queues, nonce_of)

    def all(self) -> list[SignedTransactionAPI]:
        """Everything that waits, in no special order."""
        with self._lock:
            return list(self._by_hash.values())

    def replace_all(self, txs: list[SignedTransactionAPI]) -> None:
        """Empties the pool and takes these instead (evm_revert)."""
        with self._lock:
            self._by_sender.clear()
            self._by_hash.clear()
        for tx in txs:
            self.add(tx)


class Candidates:
    """One pass over the pool: iterate, and say ``took`` after each transaction that went into the block."""

    def __init__(self, queues: dict[bytes, dict[int, Pooled]], nonce_of: Callable[[bytes], int]) -> None:
        self._queues = queues
        self._heap: list[tuple[int, bytes, int]] = []
        for sender in queues:
            self._push(sender, nonce_of(sender))

    def _push(self, sender: bytes, nonce: int) -> None:
        pooled = self._queues[sender].get(nonce)
        if pooled is not None:
            heapq.heappush(self._heap, (pooled.arrival, sender, nonce))

    def __iter__(self) -> Iterator[SignedTransactionAPI]:
        while self._heap:
            _, sender, nonce = heapq.heappop(self._heap)
            yield self._queues[sender][nonce].tx

    def took(self, tx: SignedTransactionAPI) -> None:
        """Makes the sender's next transaction a candidate."""
        self._push(tx.sender, tx.nonce + 1)
