"""CAR archives: round trip in any chunking, bounds, and thousands of mutants."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator

import pytest
from content_samples import sample_bytes
from hypothesis import given
from hypothesis import strategies as st

from symphony_chain.content.car import car_header, car_section, read_car
from symphony_chain.content.cid import Cid
from symphony_chain.content.dagpb import decode_file_node
from symphony_chain.content.errors import ContentError, HashMismatch, MalformedCar, TooLarge
from symphony_chain.content.unixfs import Profile, add_stream
from symphony_chain.content.varint import encode_uvarint

MUTANTS = 20_000


def archive(size: int = 600) -> tuple[bytes, dict[Cid, bytes]]:
    blocks: dict[Cid, bytes] = {}
    root = add_stream(io.BytesIO(sample_bytes(size)), blocks.__setitem__, Profile("t", 64, 3)).cid
    return car_header(root) + b"".join(car_section(cid, block) for cid, block in blocks.items()), blocks


@given(st.integers(1, 300))
def test_any_chunking_reads_the_same(step: int) -> None:
    data, blocks = archive()
    pieces = (data[at : at + step] for at in range(0, len(data), step))
    assert dict(read_car(pieces, max_bytes=len(data))) == blocks


def read_all(data: bytes, max_bytes: int = 1 << 20) -> list[tuple[Cid, bytes]]:
    return list(read_car([data], max_bytes=max_bytes))


def test_header_is_what_other_tools_write() -> None:
    # {"roots": [CID], "version": 1} in dag-cbor, as in the CARv1 specification: 58 bytes and their length.
    header = car_header(Cid.of(b""))
    assert header[0] == len(header) - 1 == 58
    assert header[1:9] == b"\xa2\x65roots\x81" and header.endswith(b"\x67version\x01")


def test_one_flipped_bit_is_found() -> None:
    data = bytearray(archive()[0])
    data[-1] ^= 1
    with pytest.raises(HashMismatch):
        read_all(bytes(data))


GOOD = archive()[0]
HEADER = car_header(Cid.of(b""))
BAD: list[tuple[str, bytes]] = [
    ("empty", b""),
    ("html", b"<html><body>not found</body></html>"),
    ("header of 2^62 bytes", encode_uvarint(1 << 62) + b"x"),
    ("version 2", GOOD.replace(b"version\x01", b"version\x02")),
    ("cut in the header", GOOD[:20]),
    ("cut in a block", GOOD[:-10]),
    ("cut in a length", HEADER + b"\x80"),
    ("section of 2^40 bytes", HEADER + encode_uvarint(1 << 40) + b"x" * 100),
    ("section above 2 MiB", HEADER + encode_uvarint(3 << 20) + bytes(100)),
    ("section of no bytes", HEADER + b"\x00"),
    ("overlong varint", HEADER + b"\xff" * 12),
    ("junk instead of a cid", HEADER + encode_uvarint(40) + bytes(40)),
]


@pytest.mark.parametrize(("name", "data"), BAD, ids=[name for name, _ in BAD])
def test_malformed_archives(name: str, data: bytes) -> None:
    with pytest.raises(MalformedCar) as caught:
        read_all(data)
    assert caught.value.code == "content.malformed_car" and caught.value.hint


def test_endless_stream_is_cut_at_the_limit() -> None:
    block = b"a" * 1000
    given_out = 0

    def endless() -> Iterator[bytes]:
        nonlocal given_out
        yield HEADER
        while True:
            given_out += 1
            yield car_section(Cid.of(block), block)

    with pytest.raises(TooLarge):
        for _ in read_car(endless(), max_bytes=100_000):
            pass
    assert given_out < 110


def test_mutants_raise_typed_errors_or_nothing() -> None:
    rng = random.Random(5)
    base = archive()[0]
    refused = 0
    for _ in range(MUTANTS):
        mutant = bytearray(base)
        for _ in range(rng.randint(1, 4)):
            at, kind = rng.randrange(len(mutant)), rng.random()
            if kind < 0.5:
                mutant[at] = rng.randrange(256)
            elif kind < 0.75:
                del mutant[at : at + rng.randint(1, 20)]
            else:
                mutant[at:at] = rng.randbytes(rng.randint(1, 9))
        try:
            for cid, block in read_car([bytes(mutant)], max_bytes=1 << 16):
                if cid.codec != 0x55:
                    decode_file_node(block)
        except ContentError:
            refused += 1
    assert refused > MUTANTS * 0.95  # nearly every mutation hits a hash, a length or the header
