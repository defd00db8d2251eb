"""The real bytecode in a bare EVM: py-evm's Prague state, one call per "block", any sender, any timestamp.

No headers, fees or signatures of transactions: what is tested is the contracts. Knows nothing of the reference model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth.constants import BLANK_ROOT_HASH, CREATE_CONTRACT_ADDRESS
from eth.db.atomic import AtomicDB
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.frontier.transaction_context import FrontierTransactionContext
from eth.vm.forks.prague.state import PragueState
from eth.vm.message import Message
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from symphony_chain import events
from symphony_chain.abi import MARKET, PLANS, REGISTRY, artifact, decode_error, decode_output, encode
from symphony_chain.deploy import DEFAULT_TERMS, Terms, initcode
from symphony_chain.rpc_types import Log
from symphony_chain.signing import Domain

CHAIN_ID = 31337
GENESIS_TIME_S = 1_800_000_000
#: Where the shared part of pay goes in worlds without a reward pool.
NO_POOL = "0x" + "ee" * 20
GAS = 30_000_000
RICH_WEI = 10**24
_TRANSFER = keccak(text="Transfer(address,address,uint256)")


@dataclass(frozen=True)
class Outcome:
    """What one call did: its logs in order, or the custom error it reverted with (name, arguments).

    `gas_used` is what a transaction pays: the 21,000, calldata (with the floor of EIP-7623), execution on cold storage, less
    refunds.
    """

    ok: bool
    output: bytes
    logs: tuple[Log, ...]
    gas_used: int

    @property
    def error(self) -> tuple[str, dict[str, Any]] | None:
        if self.ok:
            return None
        decoded = decode_error(self.output)
        return (decoded.name, decoded.args) if decoded else ("?", {"data": self.output})

    @property
    def events(self) -> list[events.Event]:
        """The logs that have a typed form; an ERC-20's Transfer shares its topic with ERC-721's, but not its shape."""
        ours = [log for log in self.logs if log.topics[0] != _TRANSFER or len(log.topics) == 4]
        return [event for log in ours if (event := events.decode(log)) is not None]


class Evm:
    """One chain state. `at(time)` sets the next call's timestamp; `fork()` gives an independent copy of the genesis."""

    def __init__(self, db: AtomicDB, root: bytes) -> None:
        self._db = db
        self._root = root
        self.time_s = GENESIS_TIME_S
        self.chain_id = CHAIN_ID
        self._state = PragueState(db, _context(self.time_s, self.chain_id), root)

    @classmethod
    def new(cls, rich: Sequence[str]) -> Evm:
        """An empty chain where each address of `rich` has RICH_WEI."""
        evm = cls(AtomicDB(), BLANK_ROOT_HASH)
        for address in rich:
            evm._state.set_balance(_bytes(address), RICH_WEI)
        evm.persist()
        return evm

    def persist(self) -> None:
        """Makes the present state the one that `fork` starts from."""
        self._state.persist()
        self._root = self._state.state_root

    def fork(self) -> Evm:
        return Evm(self._db, self._root)

    def at(self, time_s: int) -> None:
        """Timestamp of the calls that follow; time never runs back."""
        assert time_s >= self.time_s, f"{time_s} is before {self.time_s}"
        self.time_s = time_s
        self._state.execution_context = _context(time_s, self.chain_id)

    def split(self, chain_id: int) -> None:
        """The chain forks away: the same state under another chain id."""
        self.chain_id = chain_id
        self.at(self.time_s)

    def root(self) -> bytes:
        """State root: equal roots, equal states."""
        self._state.persist()
        return bytes(self._state.state_root)

    def send(self, sender: str, to: str, data: bytes, value_wei: int = 0) -> Outcome:
        """A transaction: kept if it succeeds."""
        return self._transact(self._message(sender, to, data, value_wei))

    def create(self, sender: str, code: bytes, at: str | None = None) -> str:
        """Deploys a contract (at a wished address: this is no real chain) and returns its address."""
        nonce = self._state.get_nonce(_bytes(sender))
        self._state.increment_nonce(_bytes(sender))
        address = _bytes(at) if at else keccak(b"create" + _bytes(sender) + bytes([nonce]))[12:]
        message = Message(
            gas=GAS,
            to=CREATE_CONTRACT_ADDRESS,
            sender=_bytes(sender),
            value=0,
            data=b"",
            code=code,
            create_address=address,
        )
        outcome = self._transact(message)
        assert outcome.ok, outcome.error
        return to_checksum_address(address)

    def call(self, to: str, data: bytes, sender: str = "0x" + "00" * 20) -> bytes:
        """A read: nothing is kept, and it must succeed."""
        outcome = self.dry(sender, to, data)
        assert outcome.ok, outcome.error
        return outcome.output

    def dry(self, sender: str, to: str, data: bytes, value_wei: int = 0) -> Outcome:
        """What a transaction would do; nothing is kept."""
        self._state.lock_changes()
        snapshot = self._state.snapshot()
        outcome = self._run(self._message(sender, to, data, value_wei))
        self._state.revert(snapshot)
        return outcome

    def slot(self, address: str, index: int) -> int:
        """A storage word."""
        return self._state.get_storage(_bytes(address), index)

    def poke(self, address: str, index: int, value: int) -> None:
        """Writes a storage word by hand."""
        self._state.set_storage(_bytes(address), index, value)

    def coins(self, address: str) -> int:
        return self._state.get_balance(_bytes(address))

    def give(self, address: str, amount_wei: int) -> None:
        """Coins out of nothing."""
        self._state.set_balance(_bytes(address), self.coins(address) + amount_wei)

    def _message(self, sender: str, to: str, data: bytes, value_wei: int) -> Message:
        target = _bytes(to)
        return Message(
            gas=GAS,
            to=target,
            sender=_bytes(sender),
            value=value_wei,
            data=data,
            code=self._state.get_code(target),
        )

    def _transact(self, message: Message) -> Outcome:
        """As a transaction of its own: what was warm or written before counts as cold and old."""
        self._state.lock_changes()
        return self._run(message)

    def _run(self, message: Message) -> Outcome:
        state = self._state
        for address in (message.sender, message.storage_address):
            state.mark_address_warm(address)
        transaction = FrontierTransactionContext(gas_price=0, origin=message.sender)
        kind = state.computation_class
        run = kind.apply_create_message if message.is_create else kind.apply_message
        computation = run(state, message, transaction)
        state.clear_transient_storage()
        gas_used = _transaction_gas(message, computation.get_gas_used(), computation.get_gas_refund())
        if computation.is_error:
            return Outcome(False, bytes(computation.output), (), gas_used)
        logs = tuple(
            Log(
                to_checksum_address(address),
                tuple(topic.to_bytes(32, "big") for topic in topics),
                bytes(data),
                0,
                bytes(32),
                bytes(32),
                0,
                index,
            )
            for index, (address, topics, data) in enumerate(computation.get_log_entries())
        )
        return Outcome(True, bytes(computation.output), logs, gas_used)


@dataclass
class Deployed:
    """Registry, plans and market on an `Evm`, with the calls that tests make most."""

    evm: Evm
    registry: str
    plans: str
    market: str

    @classmethod
    def new(cls, rich: Sequence[str], *, terms: Terms = DEFAULT_TERMS, pool: str = NO_POOL) -> Deployed:
        """On a chain of its own, where each address of `rich` has RICH_WEI."""
        evm = Evm.new(rich)
        registry = evm.create(rich[0], initcode(REGISTRY))
        plans = evm.create(rich[0], initcode(PLANS, ["address"], [registry]))
        market = evm.create(rich[0], market_code(registry, plans, terms, pool))
        evm.persist()
        return cls(evm, registry, plans, market)

    def fork(self) -> Deployed:
        return Deployed(self.evm.fork(), self.registry, self.plans, self.market)

    @property
    def domain(self) -> Domain:
        return Domain(CHAIN_ID, self.market, self.registry)

    def read(self, name: str, *args: Any) -> Any:
        """A view of the market; a single return value comes bare."""
        values = decode_output(MARKET, name, self.evm.call(self.market, encode(MARKET, name, *args)))
        return values[0] if len(values) == 1 else values

    def read_registry(self, name: str, *args: Any) -> Any:
        values = decode_output(REGISTRY, name, self.evm.call(self.registry, encode(REGISTRY, name, *args)))
        return values[0] if len(values) == 1 else values

    def read_many(self, calls: Sequence[tuple[str, tuple[Any, ...]]]) -> list[Any]:
        """Many views of the market in one call (its own multicall)."""
        data = encode(MARKET, "multicall", [encode(MARKET, name, *args) for name, args in calls])
        results = decode_output(MARKET, "multicall", self.evm.call(self.market, data))[0]
        return [decode_output(MARKET, name, raw) for (name, _), raw in zip(calls, results, strict=True)]


def market_code(registry: str, plans: str, terms: Terms = DEFAULT_TERMS, pool: str = NO_POOL) -> bytes:
    """Creation bytecode of a market."""
    types = ["address", "address", "address", "uint256", "address", "uint256", "uint256"]
    rules = [terms.min_window_s, terms.score_token, terms.score_min_wei, terms.score_burn_bps]
    return initcode(MARKET, types, [registry, pool, plans, *rules])


@cache
def slot_of(base: int, *keys: int) -> int:
    """Storage slot of a (nested) mapping's entry."""
    for key in keys:
        base = int.from_bytes(keccak(key.to_bytes(32, "big") + base.to_bytes(32, "big")), "big")
    return base


def deployed_code(name: str) -> bytes:
    """Runtime bytecode of a committed artifact."""
    return bytes.fromhex(artifact(name)["deployedBytecode"][2:])


def _transaction_gas(message: Message, execution: int, refund: int) -> int:
    """What a transaction with this message pays (EIPs 2028, 3529 and 7623)."""
    zeros = message.data.count(0)
    tokens = zeros + 4 * (len(message.data) - zeros)
    used = 21_000 + 4 * tokens + execution
    return max(used - min(refund, used // 5), 21_000 + 10 * tokens)


def _context(time_s: int, chain_id: int) -> ExecutionContext:
    return ExecutionContext(
        coinbase=bytes(20),
        timestamp=time_s,
        block_number=1,
        difficulty=0,
        mix_hash=bytes(32),
        gas_limit=GAS,
        prev_hashes=(),
        chain_id=chain_id,
        base_fee_per_gas=0,
        excess_blob_gas=0,
    )


def _bytes(address: str) -> bytes:
    return bytes.fromhex(address[2:])
