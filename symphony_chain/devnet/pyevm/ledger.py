"""The blocks of the embedded node with their indexes: by height, by hash, by transaction, and logs by filter.

Holds ready-made JSON so that reads cost look-ups. Written under the node's lock, read without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from eth.vm.forks.prague.blocks import PragueBlockHeader

Json = dict[str, Any]


@dataclass(frozen=True)
class SealedBlock:
    """One block and everything that can be asked about it; ``state_root`` differs from the header's after a
    set-balance.
    """

    header: PragueBlockHeader
    state_root: bytes
    block: Json
    txs: list[Json]
    receipts: list[Json]
    logs: list[Json]


@dataclass(frozen=True)
class LogFilter:
    """Addresses (lower case, empty for any) and topics (per position: empty for any, else one of)."""

    addresses: frozenset[str]
    topics: tuple[frozenset[str], ...]

    def matches(self, log: Json) -> bool:
        """True if the log passes."""
        if self.addresses and log["address"].lower() not in self.addresses:
            return False
        have: Sequence[str] = log["topics"]
        if len(have) < len(self.topics):
            return False
        return all(not wanted or topic in wanted for wanted, topic in zip(self.topics, have, strict=False))


class Ledger:
    """The canonical chain."""

    def __init__(self, genesis: SealedBlock) -> None:
        self.blocks: list[SealedBlock] = []
        self._by_hash: dict[str, int] = {}
        self._places: dict[str, tuple[int, int]] = {}
        self.append(genesis)

    @property
    def head(self) -> SealedBlock:
        """The newest block."""
        return self.blocks[-1]

    def append(self, sealed: SealedBlock) -> None:
        """Adds the next block; indexes follow the block itself, so a reader never finds an entry without
        it.
        """
        number = len(self.blocks)
        self.blocks.append(sealed)
        self._by_hash[sealed.block["hash"]] = number
        for index, tx in enumerate(sealed.txs):
            self._places[tx["hash"]] = (number, index)

    def replace_head_state(self, state_root: bytes) -> None:
        """Gives the head another state (hardhat_setBalance and kin)."""
        old = self.head
        self.blocks[-1] = SealedBlock(old.header, state_root, old.block, old.txs, old.receipts, old.logs)

    def truncate(self, length: int) -> None:
        """Forgets all blocks from height ``length`` on."""
        for sealed in self.blocks[length:]:
            self._by_hash.pop(sealed.block["hash"], None)
            for tx in sealed.txs:
                self._places.pop(tx["hash"], None)
        del self.blocks[length:]

    def restore(self, blocks: list[SealedBlock]) -> None:
        """Goes back to a chain remembered earlier, which may have been reorganised since."""
        common = 0
        while common < min(len(blocks), len(self.blocks)) and blocks[common] is self.blocks[common]:
            common += 1
        self.truncate(common)
        for sealed in blocks[common:]:
            self.append(sealed)

    def at(self, number: int) -> SealedBlock | None:
        """Block by height."""
        blocks = self.blocks
        return blocks[number] if 0 <= number < len(blocks) else None

    def by_hash(self, block_hash: str) -> SealedBlock | None:
        """Block by hash (lower-case 0x string)."""
        number = self._by_hash.get(block_hash)
        return None if number is None else self.at(number)

    def place(self, tx_hash: str) -> tuple[SealedBlock, int] | None:
        """Block and index of a mined transaction."""
        found = self._places.get(tx_hash)
        if found is None:
            return None
        sealed = self.at(found[0])
        return None if sealed is None else (sealed, found[1])

    def hashes_before(self, number: int) -> Iterator[bytes]:
        """Hashes of the blocks below a height, newest first."""
        for height in range(number - 1, -1, -1):
            yield bytes(self.blocks[height].header.hash)

    def logs(self, blocks: Iterable[SealedBlock], wanted: LogFilter) -> list[Json]:
        """Matching logs of some blocks, in order."""
        return [log for sealed in blocks if sealed.logs for log in sealed.logs if wanted.matches(log)]
