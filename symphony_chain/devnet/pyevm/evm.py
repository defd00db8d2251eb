"""Execution on py-evm's Prague state: genesis, one block of transactions, calls and gas estimates.

Pure over an append-only database of trie nodes: every past state root stays readable, so calls need no lock
against the block builder. Knows nothing of pools, clocks or JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from eth.abc import ComputationAPI, SignedTransactionAPI
from eth.constants import BLANK_ROOT_HASH
from eth.db.atomic import AtomicDB
from eth.exceptions import Revert
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.berlin.transactions import calculate_txn_intrinsic_gas_berlin
from eth.vm.forks.prague.state import PragueState
from eth_typing import Address, BlockNumber, Hash32

from symphony_chain.devnet.pyevm.faults import EXECUTION_REVERTED, TRANSACTION_REJECTED, RpcFault

COINBASE = Address(b"\0" * 20)
FLOOR_GAS_PER_TOKEN = 10  # EIP-7623
TX_GAS = 21_000
CALL_STIPEND = 2_300


@dataclass(frozen=True)
class BlockEnv:
    """What a transaction sees of its block; ``prev_hashes`` yields ancestors' hashes, newest first."""

    number: int
    timestamp: int
    gas_limit: int
    base_fee_wei: int
    mix_hash: bytes
    prev_hashes: Callable[[], Iterable[bytes]]


@dataclass(frozen=True)
class Executed:
    """What one transaction did: gas after refunds and the calldata floor, its logs, or why it failed."""

    gas_used: int
    gas_before_refund: int
    ok: bool
    output: bytes
    logs: Sequence[tuple[bytes, tuple[int, ...], bytes]]
    created: bytes | None
    error: Exception | None


@dataclass
class CallTx:
    """An unsigned transaction for eth_call and estimates, free of fees; has the fields that py-evm's executor
    reads.
    """

    sender: bytes
    to: bytes
    value: int
    data: bytes
    gas: int
    access_list: Sequence[tuple[bytes, Sequence[int]]] = ()
    nonce: int = 0
    type_id: int = 2
    max_fee_per_gas: int = 0
    max_priority_fee_per_gas: int = 0
    authorization_list: Sequence[Any] = field(default_factory=tuple)

    @property
    def intrinsic_gas(self) -> int:
        """Gas before the first opcode (EIP-2028, EIP-2930)."""
        return int(calculate_txn_intrinsic_gas_berlin(self))


def data_floor_gas(data: bytes) -> int:
    """Least gas that a transaction with this calldata pays (EIP-7623)."""
    zeros = data.count(0)
    return TX_GAS + FLOOR_GAS_PER_TOKEN * (zeros + 4 * (len(data) - zeros))


class Evm:
    """The state database of one chain and the ways to run code on it."""

    def __init__(self, chain_id: int) -> None:
        self.chain_id = chain_id
        self._db = AtomicDB()

    def state(self, env: BlockEnv, root: bytes) -> PragueState:
        """A private, writable view of the state at ``root``; nothing is kept unless ``persist`` is called on
        it.
        """
        context = ExecutionContext(
            coinbase=COINBASE,
            timestamp=env.timestamp,
            block_number=BlockNumber(env.number),
            difficulty=0,
            mix_hash=Hash32(env.mix_hash),
            gas_limit=env.gas_limit,
            prev_hashes=(Hash32(block_hash) for block_hash in env.prev_hashes()),
            chain_id=self.chain_id,
            base_fee_per_gas=env.base_fee_wei,
            excess_blob_gas=0,
        )
        return PragueState(self._db, context, Hash32(root))

    def genesis(self, env: BlockEnv, balances: dict[bytes, int], code: dict[bytes, bytes]) -> bytes:
        """Writes the first state and returns its root."""
        state = self.state(env, BLANK_ROOT_HASH)
        for address, balance_wei in balances.items():
            state.set_balance(Address(address), balance_wei)
        for address, runtime in code.items():
            state.set_code(Address(address), runtime)
            state.set_nonce(Address(address), 1)  # EIP-161: contracts start at nonce 1
        state.persist()
        return bytes(state.state_root)

    def call(self, env: BlockEnv, root: bytes, tx: CallTx) -> bytes:
        """Output of a call that changes nothing; RpcFault with the revert data if it fails."""
        result = self._try(env, root, tx)
        if not result.ok:
            raise failure(result)
        return result.output

    def estimate(self, env: BlockEnv, root: bytes, tx: CallTx) -> int:
        """Smallest gas limit found with which the call succeeds: exact for plain calls, within 1.5 %
        otherwise.
        """
        most = self._try(env, root, tx)
        if not most.ok:
            raise failure(most)
        # Most calls need exactly what they burn; those with inner calls need the 1/64 that EIP-150 holds
        # back.
        guesses = (most.gas_before_refund, (most.gas_before_refund + CALL_STIPEND) * 64 // 63)
        low = most.gas_used - 1
        for guess in guesses:
            gas = min(max(guess, data_floor_gas(tx.data)), tx.gas)
            if self._succeeds(env, root, tx, gas):
                return gas
            low = gas
        high = tx.gas
        while high - low > max(1, high * 3 // 200):
            middle = min((low + high) // 2, 2 * low)
            if self._succeeds(env, root, tx, middle):
                high = middle
            else:
                low = middle
        return high

    def _succeeds(self, env: BlockEnv, root: bytes, tx: CallTx, gas: int) -> bool:
        trial = CallTx(tx.sender, tx.to, tx.value, tx.data, gas, tx.access_list)
        return trial.intrinsic_gas <= gas and self._try(env, root, trial).ok

    def _try(self, env: BlockEnv, root: bytes, tx: CallTx) -> Executed:
        if tx.intrinsic_gas > tx.gas:
            raise RpcFault(
                TRANSACTION_REJECTED, f"intrinsic gas too low: have {tx.gas}, want {tx.intrinsic_gas}"
            )
        # A zero base fee makes gas free, as nodes do for calls: any address may ask, whatever it owns.
        free = BlockEnv(env.number, env.timestamp, env.gas_limit, 0, env.mix_hash, env.prev_hashes)
        state = self.state(free, root)
        if state.get_balance(Address(tx.sender)) < tx.value:
            raise RpcFault(TRANSACTION_REJECTED, "Insufficient funds for gas * price + value")
        return run(state, tx)


def run(state: PragueState, tx: SignedTransactionAPI) -> Executed:
    """Executes one transaction that has already been validated and leaves its changes in ``state``."""
    state.lock_changes()
    executor: Any = state.get_transaction_executor()
    message = executor.build_evm_message(tx)
    computation: ComputationAPI = executor.build_computation(message, tx)
    executor.finalize_computation(tx, computation)
    state.clear_transient_storage()
    burnt = tx.gas - computation.get_gas_remaining()
    refund = min(computation.get_gas_refund(), burnt // 5)  # EIP-3529
    return Executed(
        gas_used=burnt - refund + computation.data_floor_gas,
        gas_before_refund=burnt,
        ok=computation.is_success,
        output=computation.output,
        logs=computation.get_log_entries(),
        created=bytes(message.storage_address) if message.is_create else None,
        error=None if computation.is_success else computation.error,
    )


def failure(result: Executed) -> RpcFault:
    """The error of a failed call: revert data as anvil gives it, empty data for every other halt."""
    if isinstance(result.error, Revert):
        return RpcFault(EXECUTION_REVERTED, "execution reverted", result.output)
    name = type(result.error).__name__
    return RpcFault(EXECUTION_REVERTED, f"execution reverted: EVM halt {name}: {result.error}", b"")
