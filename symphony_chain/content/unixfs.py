"""UnixFS files: a stream of bytes to a tree of blocks and back, in the profile ``unixfs-v1-2025``.

Chunks of 1 MiB as raw leaves, balanced tree of width 1024; a file of one chunk is that bare raw leaf. Source:
IPIP-0499. Reading trusts nothing: every block is verified, and sizes, depth and the total are bounded before
a child is read. Knows nothing of disks or networks: blocks go out and come in through functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from symphony_chain.content.cid import DAG_PB, RAW, Cid
from symphony_chain.content.dagpb import Link, decode_file_node, encode_file_node
from symphony_chain.content.errors import MalformedBlock, TooLarge

MAX_BLOCK_BYTES = 2 * 1024 * 1024  # of any block anywhere (trustless gateway specification)
MAX_DEPTH = 16  # width 1024 reaches 2**63 bytes in 5 levels; foreign profiles need a few more
# Reading may touch this many block bytes per byte of the file, plus a constant; each block counts 512 bytes
# at least. A few small blocks that link to each other again and again would otherwise cost hours below any
# size limit.
_READ_FACTOR = 4
_READ_FREE_BYTES = 4 << 20
_BLOCK_COST_BYTES = 512

PutBlock = Callable[[Cid, bytes], None]
GetBlock = Callable[[Cid], bytes]


@dataclass(frozen=True, slots=True)
class Profile:
    """Every choice that changes a file's CID: bytes per chunk and children per node."""

    name: str
    chunk_bytes: int
    width: int


UNIXFS_V1_2025 = Profile("unixfs-v1-2025", 1 << 20, 1024)


@dataclass(frozen=True, slots=True)
class Added:
    """A file's root and its size in bytes."""

    cid: Cid
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Part:
    cid: Cid
    file_bytes: int  # bytes of the file below
    tsize_bytes: int  # bytes of all blocks below, its own included


class _Layout:
    """The right edge of a balanced tree: ``levels[d]`` holds the parts of height d that have no parent
    yet."""

    def __init__(self, put: PutBlock, profile: Profile) -> None:
        self.put = put
        self.width = profile.width
        self.levels: list[list[_Part]] = [[]]

    def push(self, part: _Part, height: int = 0) -> None:
        if height == len(self.levels):
            self.levels.append([])
        if len(self.levels[height]) == self.width:
            full, self.levels[height] = self.levels[height], []
            self.push(self._node(full), height + 1)
        self.levels[height].append(part)

    def finish(self) -> Cid:
        """Wrap the open groups upward until one part is left. A short last group is wrapped too, so all
        leaves lie equally deep."""
        height = 0
        while height < len(self.levels) - 1 or len(self.levels[height]) > 1:
            group, self.levels[height] = self.levels[height], []
            self.push(self._node(group), height + 1)
            height += 1
        return self.levels[height][0].cid

    def _node(self, parts: list[_Part]) -> _Part:
        block = encode_file_node(
            (Link(part.cid, b"", part.tsize_bytes) for part in parts), (part.file_bytes for part in parts)
        )
        cid = Cid.of(block, DAG_PB)
        self.put(cid, block)
        tsize_bytes = len(block) + sum(part.tsize_bytes for part in parts)
        return _Part(cid, sum(part.file_bytes for part in parts), tsize_bytes)


def add_stream(stream: BinaryIO, put: PutBlock, profile: Profile = UNIXFS_V1_2025) -> Added:
    """Cut a stream into blocks, hand each to ``put(cid, block)`` (children before parents) and return the
    root.

    Memory: one chunk plus O(width · depth) links.
    """
    layout = _Layout(put, profile)
    total = 0
    while True:
        chunk = _read_exactly(stream, profile.chunk_bytes)
        if not chunk and total:
            break
        cid = Cid.of(chunk, RAW)
        put(cid, chunk)
        layout.push(_Part(cid, len(chunk), len(chunk)))
        total += len(chunk)
        if len(chunk) < profile.chunk_bytes:
            break
    return Added(layout.finish(), total)


def read_file(
    root: Cid,
    get: GetBlock,
    *,
    max_bytes: int,
    start: int = 0,
    end: int | None = None,
    on_block: PutBlock | None = None,
) -> Iterator[bytes]:
    """The bytes ``[start, end)`` of a file in order, each block verified before use.

    Args:
        max_bytes: refuse a file whose declared size is larger, before any child is read.
        on_block: called with each block that was needed, parents first.

    Raises:
        HashMismatch, MalformedBlock, TooLarge; and whatever ``get`` raises for a block it lacks.
    """
    budget = _READ_FREE_BYTES

    def walk(cid: Cid, base: int, expected: int | None, depth: int) -> Iterator[bytes]:
        nonlocal budget
        if depth > MAX_DEPTH:
            raise TooLarge(
                f"{root} is deeper than {MAX_DEPTH} levels",
                hint="this is not a file made by a known tool; refuse it",
            )
        block = _get_verified(cid, get)
        if on_block is not None:
            on_block(cid, block)
        data, links, sizes = _parts(cid, block)
        size = len(data) + sum(sizes)
        if expected is not None and size != expected:
            raise MalformedBlock(
                f"{cid} holds {size} bytes, its parent says {expected}",
                hint="the publisher lied; refuse the file",
            )
        if expected is None and size > max_bytes:
            raise TooLarge(
                f"{root} is {size} bytes, more than the {max_bytes} allowed",
                hint="raise the limit if you trust it",
            )
        stop = base + size if end is None else end
        budget += (_READ_FACTOR * size if expected is None else 0) - len(block) - _BLOCK_COST_BYTES
        if budget < 0:
            raise TooLarge(
                f"{root} needs far more blocks than its {stop} bytes",
                hint="the tree repeats itself; refuse it",
            )
        if max(start - base, 0) < min(stop - base, len(data)):
            yield data[max(start - base, 0) : stop - base]
        at = base + len(data)
        for link, child_bytes in zip(links, sizes, strict=True):
            if at + child_bytes > start and at < stop:
                yield from walk(link, at, child_bytes, depth + 1)
            at += child_bytes

    yield from walk(root, 0, None, 0)


def children(cid: Cid, block: bytes) -> tuple[Cid, ...]:
    """CIDs that a verified block links to, in order (none for raw)."""
    return () if cid.codec == RAW else tuple(link.cid for link in decode_file_node(block).links)


def file_size(cid: Cid, block: bytes) -> int:
    """Bytes of the file whose verified root block is given."""
    return len(block) if cid.codec == RAW else decode_file_node(block).size_bytes


def _get_verified(cid: Cid, get: GetBlock) -> bytes:
    """``get(cid)``, bounded and checked against its hash."""
    block = get(cid)
    if len(block) > MAX_BLOCK_BYTES:
        raise TooLarge(
            f"block {cid} has {len(block)} bytes; a block has at most 2 MiB", hint="refuse the file"
        )
    cid.verify(block)
    return block


def _parts(cid: Cid, block: bytes) -> tuple[bytes, tuple[Cid, ...], tuple[int, ...]]:
    if cid.codec == RAW:
        return block, (), ()
    node = decode_file_node(block)
    return node.data, tuple(link.cid for link in node.links), node.block_sizes_bytes


def _read_exactly(stream: BinaryIO, count: int) -> bytes:
    """Up to ``count`` bytes, fewer only at the end: sockets and pipes may give short reads in the middle."""
    first = stream.read(count)
    if len(first) == count or not first:
        return first
    parts = [first]
    have = len(first)
    while have < count and (more := stream.read(count - have)):
        parts.append(more)
        have += len(more)
    return b"".join(parts)
