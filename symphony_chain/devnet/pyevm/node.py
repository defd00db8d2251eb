"""The embedded node: chain, pool, clock, interval miner, snapshots and reorgs, behind one lock.

Knows no JSON-RPC; ``methods`` calls it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from eth.abc import SignedTransactionAPI
from eth.constants import BLANK_ROOT_HASH
from eth.vm.forks.prague.blocks import PragueBlockHeader
from eth.vm.forks.prague.state import PragueState
from eth_typing import Address, BlockNumber, Hash32

from symphony_chain.devnet.accounts import DEVNET_ACCOUNTS, DEVNET_BALANCE_WEI, DEVNET_CHAIN_ID
from symphony_chain.devnet.factory import FACTORY_ADDRESS, FACTORY_RUNTIME
from symphony_chain.devnet.pyevm.builder import build, next_env, sealed_block
from symphony_chain.devnet.pyevm.evm import BlockEnv, Evm
from symphony_chain.devnet.pyevm.faults import INVALID_PARAMS, RpcFault
from symphony_chain.devnet.pyevm.ledger import Ledger, SealedBlock
from symphony_chain.devnet.pyevm.mempool import Candidates, Mempool
from symphony_chain.devnet.pyevm.validate import check_transaction

BLOCK_GAS_LIMIT = 30_000_000
GENESIS_BASE_FEE_WEI = 10**9


@dataclass(frozen=True)
class _Snapshot:
    blocks: list[SealedBlock]
    pool: list[SignedTransactionAPI]
    offset_s: int
    next_timestamp: int | None


class Node:
    """One chain from its own genesis.

    Args:
        block_time_s: seconds between blocks; 0 mines on every transaction. Below 1 the chain's clock outruns
        the wall's,
            because timestamps are whole seconds and must grow.
        genesis_time: timestamp of block 0; None for now.
        salt: bytes that make this genesis unlike any other.
        wall: seconds since the epoch.
    """

    def __init__(
        self,
        *,
        block_time_s: float,
        salt: bytes,
        genesis_time: int | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.pool = Mempool()
        self.evm = Evm(DEVNET_CHAIN_ID)
        self._wall = wall
        self._salt = salt
        self._reorgs = 0
        self._offset_s = 0
        self._next_timestamp: int | None = None
        self._snapshots: list[_Snapshot] = []
        self._lock = threading.RLock()
        self._miner_wakes = threading.Condition()
        self._stopped = False
        self._interval_s = block_time_s
        self.automine = block_time_s == 0
        self.ledger = Ledger(self._genesis(int(wall()) if genesis_time is None else genesis_time))
        if genesis_time is not None:
            self._offset_s = genesis_time - int(wall())

    def _genesis(self, timestamp: int) -> SealedBlock:
        env = BlockEnv(0, timestamp, BLOCK_GAS_LIMIT, GENESIS_BASE_FEE_WEI, self._salt, tuple)
        balances = {bytes.fromhex(address[2:]): DEVNET_BALANCE_WEI for address, _ in DEVNET_ACCOUNTS}
        root = self.evm.genesis(env, balances, {bytes.fromhex(FACTORY_ADDRESS[2:]): FACTORY_RUNTIME})
        header = PragueBlockHeader(
            difficulty=0,
            block_number=BlockNumber(0),
            gas_limit=BLOCK_GAS_LIMIT,
            timestamp=timestamp,
            state_root=Hash32(root),
            transaction_root=BLANK_ROOT_HASH,
            receipt_root=BLANK_ROOT_HASH,
            extra_data=self._salt[:32],
            mix_hash=Hash32(self._salt),
            nonce=b"\0" * 8,
            base_fee_per_gas=GENESIS_BASE_FEE_WEI,
        )
        return sealed_block(header, [], [], [])

    # ---- state ---------------------------------------------------------------------------------------------

    def env_of(self, sealed: SealedBlock) -> BlockEnv:
        """The environment in which a block was built."""
        header = sealed.header
        number = header.block_number
        return BlockEnv(
            number,
            header.timestamp,
            header.gas_limit,
            header.base_fee_per_gas,
            bytes(header.mix_hash),
            lambda: self.ledger.hashes_before(number),
        )

    def pending_env(self) -> BlockEnv:
        """The environment that the next block would have if it were built now."""
        parent = self.ledger.head.header
        return next_env(
            parent,
            self._timestamp(parent),
            self._salt,
            lambda: self.ledger.hashes_before(len(self.ledger.blocks)),
        )

    def state_at(self, sealed: SealedBlock) -> PragueState:
        """Read view of the state after a block."""
        return self.evm.state(self.env_of(sealed), sealed.state_root)

    def nonce(self, address: bytes, sealed: SealedBlock | None = None) -> int:
        """Nonce after a block (the head if None)."""
        return int(self.state_at(sealed or self.ledger.head).get_nonce(Address(address)))

    # ---- transactions and blocks ---------------------------------------------------------------------------

    def submit(self, tx: SignedTransactionAPI) -> None:
        """Takes a transaction into the pool, and mines it at once where there is no interval."""
        head = self.ledger.head
        if self.ledger.place("0x" + tx.hash.hex()) is not None:
            raise RpcFault(-32003, "transaction already imported: already known")
        check_transaction(tx, self.state_at(head), DEVNET_CHAIN_ID, head.header.gas_limit)
        self.pool.add(tx)
        if self.automine and tx.nonce <= self.pool.next_nonce(tx.sender, self.nonce(tx.sender)):
            self.mine()

    def mine(self, timestamp: int | None = None) -> SealedBlock:
        """Builds one block from the pool."""
        with self._lock:
            if timestamp is not None:
                self.set_next_timestamp(timestamp)
            head = self.ledger.head
            state = self.state_at(head)
            source = self.pool.candidates(lambda sender: int(state.get_nonce(Address(sender))))
            sealed = self._build(self._take_timestamp(head.header), source)
            after = self.state_at(sealed)
            self.pool.prune(lambda sender: int(after.get_nonce(Address(sender))))
            return sealed

    def _build(self, timestamp: int, source: Candidates) -> SealedBlock:
        head = self.ledger.head
        number = len(self.ledger.blocks)
        salt = self._salt + self._reorgs.to_bytes(4, "big")
        env = next_env(head.header, timestamp, salt, lambda: self.ledger.hashes_before(number))
        built = build(self.evm, head, env, source)
        self.ledger.append(built.sealed)
        for tx in built.invalid:
            self.pool.remove(tx)
        return built.sealed

    # ---- time ----------------------------------------------------------------------------------------------

    def _timestamp(self, parent: PragueBlockHeader) -> int:
        if self._next_timestamp is not None:
            return self._next_timestamp
        return max(int(parent.timestamp) + 1, int(self._wall()) + self._offset_s)

    def _take_timestamp(self, parent: PragueBlockHeader) -> int:
        timestamp = self._timestamp(parent)
        if self._next_timestamp is not None:
            self._offset_s = timestamp - int(self._wall())
            self._next_timestamp = None
        return timestamp

    def increase_time(self, seconds: int) -> int:
        """Moves the chain's clock forward; returns the total offset in seconds."""
        with self._lock:
            self._offset_s += seconds
            return self._offset_s

    def set_next_timestamp(self, timestamp: int) -> None:
        """Fixes the next block's timestamp; later blocks count on from it."""
        with self._lock:
            head = self.ledger.head.header.timestamp
            if timestamp <= head:
                raise RpcFault(INVALID_PARAMS, f"timestamp {timestamp} is not after the head's, {head}")
            self._next_timestamp = timestamp

    # ---- snapshots, reorgs, state edits --------------------------------------------------------------------

    def snapshot(self) -> int:
        """Remembers everything; returns the snapshot's id."""
        with self._lock:
            self._snapshots.append(
                _Snapshot(list(self.ledger.blocks), self.pool.all(), self._offset_s, self._next_timestamp)
            )
            return len(self._snapshots) - 1

    def revert(self, snapshot_id: int) -> bool:
        """Goes back to a snapshot and forgets it and all later ones; False if there is none of that id."""
        with self._lock:
            if not 0 <= snapshot_id < len(self._snapshots):
                return False
            old = self._snapshots[snapshot_id]
            del self._snapshots[snapshot_id:]
            self._reorgs += 1  # blocks mined from here on must not repeat the hashes of those forgotten
            self.ledger.restore(old.blocks)
            self.pool.replace_all(sorted(old.pool, key=lambda tx: tx.nonce))
            self._offset_s, self._next_timestamp = old.offset_s, old.next_timestamp
            return True

    def reorg(self, depth: int) -> None:
        """Replaces the newest ``depth`` blocks by as many empty ones with other hashes; their transactions
        are dropped.
        """
        with self._lock:
            if not 0 < depth < len(self.ledger.blocks):
                raise RpcFault(
                    INVALID_PARAMS, f"cannot reorganise {depth} of {len(self.ledger.blocks) - 1} blocks"
                )
            self._reorgs += 1
            timestamps = [sealed.header.timestamp for sealed in self.ledger.blocks[-depth:]]
            self.ledger.truncate(len(self.ledger.blocks) - depth)
            for timestamp in timestamps:
                self._build(int(timestamp), Candidates({}, lambda _: 0))

    def edit_head(self, edit: Callable[[PragueState], None]) -> None:
        """Changes the head's state without a block (set balance, set code)."""
        with self._lock:
            state = self.state_at(self.ledger.head)
            edit(state)
            state.persist()
            self.ledger.replace_head_state(bytes(state.state_root))

    # ---- the interval miner --------------------------------------------------------------------------------

    def set_interval(self, seconds: float) -> None:
        """Seconds between blocks; 0 stops interval mining."""
        with self._miner_wakes:
            self._interval_s = seconds
            self._miner_wakes.notify()

    def stop(self) -> None:
        """Ends ``run_miner``."""
        with self._miner_wakes:
            self._stopped = True
            self._miner_wakes.notify()

    def run_miner(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Mines at every interval until ``stop``; a late block delays the next instead of being followed by a
        burst.
        """
        due_s = clock() + self._interval_s
        while True:
            with self._miner_wakes:
                interval_s = self._interval_s
                woken = self._miner_wakes.wait(max(0.0, due_s - clock()) if interval_s else None)
                if self._stopped:
                    return
                if woken:
                    due_s = clock() + self._interval_s
                    continue
            self.mine()
            due_s = max(due_s + interval_s, clock())
