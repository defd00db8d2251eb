"""Typed client of RewardPool: views over RPC, and calldata for every step. Sends nothing itself (see `tx`).

One pool serves any number of markets and tokens; everything is asked of one (market, token).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from symphony_chain.abi import POOL, decode_output, encode
from symphony_chain.rpc import BlockId, Rpc
from symphony_chain.types import NATIVE, Receipt


@dataclass(frozen=True, slots=True)
class PoolTerms:
    """The constants that a pool was deployed with; the defaults are for devnets.

    What seats give in an epoch of `epoch_s` seconds is released `delay` epochs later, in `spread` equal parts, one an epoch.
    """

    epoch_s: int = 60
    delay: int = 1
    spread: int = 4

    def epoch_of(self, time_s: int) -> int:
        """Epoch of an instant of block time."""
        return time_s // self.epoch_s

    def final_at_s(self, epoch: int) -> int:
        """Block time from which `advance` may finalise an epoch: its recording is closed."""
        return (epoch + 2) * self.epoch_s


@dataclass(frozen=True, slots=True)
class Book:
    """First epoch that is not final, what came over to it, and what is released to every epoch until something changes."""

    next_epoch: int
    carry_wei: int
    rate_wei: int


@dataclass(frozen=True, slots=True)
class PoolEpoch:
    """All recorded into an epoch; of that, by seats that share in it; what is reserved for those of them that are not paid yet,
    and what these gave.
    """

    pot_wei: int
    given_wei: int
    reserve_wei: int
    unpaid_wei: int


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """Whether a task is recorded, and the seats that have a share to come."""

    recorded: bool
    seats: tuple[int, ...]


class RewardPoolClient:
    """Reads of one pool at `block` (default latest). All raise ChainUnavailable when the node is away."""

    def __init__(self, rpc: Rpc, address: str) -> None:
        self.rpc = rpc
        self.address = address

    def _read(self, block: BlockId, name: str, *args: Any) -> tuple[Any, ...]:
        data = encode(POOL, name, *args)
        return decode_output(POOL, name, self.rpc.eth_call(self.address, data, block))

    def terms(self) -> PoolTerms:
        """The deployment's constants."""
        return PoolTerms(*(self._read("latest", name)[0] for name in ("EPOCH", "DELAY", "SPREAD")))

    def owed(self, market: str, token: str = NATIVE, block: BlockId = "latest") -> int:
        """What the market owes the pool for recorded tasks, in wei; the pool's balance there has the unrecorded besides."""
        amount: int = self._read(block, "owed", market, token)[0]
        return amount

    def book(self, market: str, token: str = NATIVE, block: BlockId = "latest") -> Book:
        return Book(*self._read(block, "bookOf", market, token))

    def epoch(self, market: str, epoch: int, token: str = NATIVE, block: BlockId = "latest") -> PoolEpoch:
        return PoolEpoch(*self._read(block, "epochOf", market, token, epoch))

    def record(self, market: str, task_id: bytes, block: BlockId = "latest") -> TaskRecord:
        recorded, bits = self._read(block, "recordOf", market, task_id)
        return TaskRecord(recorded, tuple(seat for seat in range(16) if bits >> seat & 1))


def encode_record(market: str, receipt: Receipt) -> bytes:
    """Proves a closed task; its seats share if that comes before the end of the epoch after the one in which it closed."""
    return encode(POOL, "record", market, receipt.as_tuple())


def encode_advance(market: str, count: int, token: str = NATIVE) -> bytes:
    """Finalises up to `count` epochs in which something changes."""
    return encode(POOL, "advance", market, token, count)


def encode_share(market: str, receipt: Receipt, seat: int) -> bytes:
    """Pays a seat its share, into its agent's account."""
    return encode(POOL, "share", market, receipt.as_tuple(), seat)
