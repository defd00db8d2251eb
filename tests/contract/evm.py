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
from symphony_chain.abi import MARKET, REGISTRY, artifact, decode_error, decode_output, encode
from symphony_chain.deploy import initcode
from symphony_chain.rpc_types import Log
from symphony_chain.signing import Domain

CHAIN_ID = 31337
GENESIS_TIME_S = 1_800_000_000
GAS = 30_000_000
RICH_WEI = 10**24


@dataclass(frozen=True)
class Outcome:
    """What one call did: its logs in order, or the custom error it reverted with (name, arguments)."""

    ok: bool
    output: bytes
    logs: tuple[Log, ...]

    @property
    def error(self) -> tuple[str, dict[str, Any]] | None:
        if self.ok:
            return None
        decoded = decode_error(self.output)
        return (decoded.name, decoded.args) if decoded else ("?", {"data": self.output})

    @property
    def events(self) -> list[events.Event]:
        """The logs that have a typed form."""
        return [event for log in self.logs if (event := events.decode(log)) is not None]


class Evm:
    """One chain state. `at(time)` sets the next call's timestamp; `fork()` gives an independent copy of the genesis."""

    def __init__(self, db: AtomicDB, root: bytes) -> None:
        self._db = db
        self._root = root
        self.time_s = GENESIS_TIME_S
        self._state = PragueState(db, _context(self.time_s), root)

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
        self._state.execution_context = _context(time_s)

    def send(self, sender: str, to: str, data: bytes, value_wei: int = 0) -> Outcome:
        """A transaction: kept if it succeeds."""
        target = _bytes(to)
        message = Message(
            gas=GAS,
            to=target,
            sender=_bytes(sender),
            value=value_wei,
            data=data,
            code=self._state.get_code(target),
        )
        return self._run(message)

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
        outcome = self._run(message)
        assert outcome.ok, outcome.error
        return to_checksum_address(address)

    def call(self, to: str, data: bytes, sender: str = "0x" + "00" * 20) -> bytes:
        """A read: nothing is kept, and it must succeed."""
        snapshot = self._state.snapshot()
        outcome = self.send(sender, to, data)
        self._state.revert(snapshot)
        assert outcome.ok, outcome.error
        return outcome.output

    def slot(self, address: str, index: int) -> int:
        """A storage word."""
        return self._state.get_storage(_bytes(address), index)

    def coins(self, address: str) -> int:
        return self._state.get_balance(_bytes(address))

    def _run(self, message: Message) -> Outcome:
        state = self._state
        transaction = FrontierTransactionContext(gas_price=0, origin=message.sender)
        kind = state.computation_class
        run = kind.apply_create_message if message.is_create else kind.apply_message
        computation = run(state, message, transaction)
        state.clear_transient_storage()
        if computation.is_error:
            return Outcome(False, bytes(computation.output), ())
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
        return Outcome(True, bytes(computation.output), logs)


@dataclass
class Deployed:
    """Both contracts on an `Evm`, with the calls that tests make most."""

    evm: Evm
    registry: str
    market: str

    @classmethod
    def new(cls, rich: Sequence[str], min_window_s: int) -> Deployed:
        evm = Evm.new(rich)
        registry = evm.create(rich[0], initcode(REGISTRY))
        market = evm.create(rich[0], initcode(MARKET, ["address", "uint256"], [registry, min_window_s]))
        evm.persist()
        return cls(evm, registry, market)

    def fork(self) -> Deployed:
        return Deployed(self.evm.fork(), self.registry, self.market)

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


@cache
def slot_of(base: int, *keys: int) -> int:
    """Storage slot of a (nested) mapping's entry."""
    for key in keys:
        base = int.from_bytes(keccak(key.to_bytes(32, "big") + base.to_bytes(32, "big")), "big")
    return base


def deployed_code(name: str) -> bytes:
    """Runtime bytecode of a committed artifact."""
    return bytes.fromhex(artifact(name)["deployedBytecode"][2:])


def _context(time_s: int) -> ExecutionContext:
    return ExecutionContext(
        coinbase=bytes(20),
        timestamp=time_s,
        block_number=1,
        difficulty=0,
        mix_hash=bytes(32),
        gas_limit=GAS,
        prev_hashes=(),
        chain_id=CHAIN_ID,
        base_fee_per_gas=0,
        excess_blob_gas=0,
    )


def _bytes(address: str) -> bytes:
    return bytes.fromhex(address[2:])
