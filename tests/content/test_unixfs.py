"""UnixFS: round trips, ranges, short reads, and hostile trees that must fail fast with a typed error."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from content_samples import sample_bytes
from hypothesis import given
from hypothesis import strategies as st

from symphony_chain.content.cid import DAG_PB, RAW, Cid
from symphony_chain.content.dagpb import Link, decode_file_node, decode_node, encode_file_node
from symphony_chain.content.errors import ContentError, HashMismatch, MalformedBlock, TooLarge
from symphony_chain.content.unixfs import MAX_BLOCK_BYTES, Profile, add_stream, read_file
from symphony_chain.content.varint import encode_uvarint

Blocks = dict[Cid, bytes]


def add(data: bytes, profile: Profile) -> tuple[Cid, Blocks]:
    blocks: Blocks = {}
    return add_stream(io.BytesIO(data), blocks.__setitem__, profile).cid, blocks


def read(
    root: Cid, blocks: Blocks, max_bytes: int = 1 << 20, start: int = 0, end: int | None = None
) -> bytes:
    return b"".join(read_file(root, blocks.__getitem__, max_bytes=max_bytes, start=start, end=end))


@given(
    st.binary(max_size=700), st.integers(1, 40), st.integers(2, 6), st.integers(0, 750), st.integers(0, 750)
)
def test_round_trip_and_ranges(data: bytes, chunk: int, width: int, start: int, end: int) -> None:
    root, blocks = add(data, Profile("test", chunk, width))
    assert read(root, blocks) == data
    assert read(root, blocks, start=start, end=end) == data[start:end]
    for cid, block in blocks.items():
        cid.verify(block)


class Dribble(io.RawIOBase):
    """A stream that gives at most three bytes per read, as sockets do."""

    def __init__(self, data: bytes) -> None:
        self._inner = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._inner.read(min(size, 3))


def test_short_reads_do_not_change_the_cid() -> None:
    data = sample_bytes(500)
    profile = Profile("test", 64, 3)
    cid = add_stream(Dribble(data), lambda cid, block: None, profile).cid  # type: ignore[arg-type]
    assert cid == add(data, profile)[0]


def test_range_reads_only_the_blocks_it_needs() -> None:
    root, blocks = add(sample_bytes(16 * 27), Profile("test", 16, 3))
    used: list[Cid] = []
    out = read_file(
        root, blocks.__getitem__, max_bytes=1000, start=0, end=16, on_block=lambda cid, b: used.append(cid)
    )
    assert b"".join(out) == sample_bytes(16 * 27)[:16]
    assert len(used) == 4 and used[0] == root  # three nodes above one leaf


def node(children: list[tuple[Cid, int]]) -> bytes:
    return encode_file_node([Link(cid, b"", size) for cid, size in children], [size for _, size in children])


def repeated_links(levels: int, width: int, leaf: bytes) -> tuple[Cid, Blocks]:
    cid, size = Cid.of(leaf), len(leaf)
    blocks = {cid: leaf}
    for _ in range(levels):
        block = node([(cid, size)] * width)
        cid, size = Cid.of(block, DAG_PB), size * width
        blocks[cid] = block
    return cid, blocks


def test_bomb_of_repeated_links_is_refused_at_the_root() -> None:
    root, blocks = repeated_links(4, 174, bytes(262_144))
    reads: list[Cid] = []

    def get(cid: Cid) -> bytes:
        reads.append(cid)
        return blocks[cid]

    with pytest.raises(TooLarge):
        list(read_file(root, get, max_bytes=10**9))
    assert reads == [root]


def test_bomb_of_one_byte_leaves_is_refused_before_its_size_is_read() -> None:
    root, blocks = repeated_links(3, 200, b"x")  # eight million visits for eight megabytes
    visits = 0

    def get(cid: Cid) -> bytes:
        nonlocal visits
        visits += 1
        return blocks[cid]

    with pytest.raises(TooLarge, match="repeats itself|far more blocks"):
        for _ in read_file(root, get, max_bytes=10**8):
            pass
    assert visits < 100_000


def test_deep_chain_is_refused() -> None:
    cid, blocks = repeated_links(5000, 1, b"x")
    with pytest.raises(TooLarge, match="deeper"):
        read(cid, blocks)


def test_lies_about_sizes_are_refused() -> None:
    leaf = Cid.of(b"hello")
    block = node([(leaf, 9)])
    with pytest.raises(MalformedBlock, match="parent says"):
        read(Cid.of(block, DAG_PB), {leaf: b"hello", Cid.of(block, DAG_PB): block})
    with pytest.raises(MalformedBlock, match="size zero"):
        decode_file_node(node([(leaf, 0)]))
    wrong_total = node([(leaf, 5)]).replace(b"\x08\x02\x18\x05", b"\x08\x02\x18\x06")
    with pytest.raises(MalformedBlock, match="declared"):
        decode_file_node(wrong_total)


def test_wrong_and_oversized_blocks_are_refused() -> None:
    with pytest.raises(HashMismatch):
        read(Cid.of(b"zzz"), {Cid.of(b"zzz"): b"hello"})
    big = bytes(MAX_BLOCK_BYTES + 1)
    with pytest.raises(TooLarge, match="2 MiB"):
        read(Cid.of(big), {Cid.of(big): big}, max_bytes=1 << 30)


def _pb(tag: int, value: bytes) -> bytes:
    return bytes((tag,)) + encode_uvarint(len(value)) + value


LINK = _pb(0x12, _pb(0x0A, bytes(Cid(RAW, bytes(32)))) + _pb(0x12, b"") + b"\x18\x01")
BROKEN: list[tuple[str, bytes]] = [
    ("empty", b""),
    ("directory", _pb(0x0A, b"\x08\x01")),
    ("no type", _pb(0x0A, b"\x18\x00")),
    ("wrong wire type", b"\x0d\x00\x00\x00\x00"),
    ("unknown field", _pb(0x1A, b"x")),
    ("truncated", _pb(0x0A, b"\x08\x02")[:-1]),
    ("link without cid", _pb(0x12, b"\x18\x01") + _pb(0x0A, b"\x08\x02")),
    ("link with junk cid", _pb(0x12, _pb(0x0A, b"junk")) + _pb(0x0A, b"\x08\x02")),
    ("links without sizes", LINK + _pb(0x0A, b"\x08\x02")),
    ("data twice", _pb(0x0A, b"\x08\x02") * 2),
    ("named part", LINK.replace(b"\x12\x00", b"\x12\x01a").replace(b"\x12\x2a", b"\x12\x2b")),
]


@pytest.mark.parametrize(("name", "block"), BROKEN, ids=[name for name, _ in BROKEN])
def test_broken_nodes_are_refused(name: str, block: bytes) -> None:
    with pytest.raises(MalformedBlock) as caught:
        decode_file_node(block)
    assert caught.value.code == "content.malformed_block"


def test_packed_sizes_of_other_writers_are_read() -> None:
    unpacked = node([(Cid.of(b"ab"), 2), (Cid.of(b"c"), 1)])
    links, data = decode_node(unpacked)
    assert data is not None
    packed_data = data.replace(b"\x20\x02\x20\x01", b"\x22\x02\x02\x01")
    packed = unpacked.replace(_pb(0x0A, data), _pb(0x0A, packed_data))
    assert decode_file_node(packed) == decode_file_node(unpacked)


@given(st.data())
def test_mutated_nodes_never_raise_anything_untyped(data: st.DataObject) -> None:
    block = bytearray(node([(Cid.of(bytes([i])), i + 1) for i in range(4)]))
    for _ in range(data.draw(st.integers(1, 4))):
        block[data.draw(st.integers(0, len(block) - 1))] = data.draw(st.integers(0, 255))
    del block[data.draw(st.integers(0, len(block))) :]
    check_typed(lambda: decode_file_node(bytes(block)))


def check_typed(action: Callable[[], object]) -> None:
    try:
        action()
    except ContentError:
        pass
