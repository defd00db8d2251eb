"""CARv1 archives: a writer, and a reader that takes chunks as they come and never buffers more than one
block.

Source: IPLD CARv1 specification. Every section is verified before it is handed out. Knows nothing of files or
HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from symphony_chain.content.cid import Cid
from symphony_chain.content.errors import MalformedCar, MalformedCid, TooLarge
from symphony_chain.content.unixfs import MAX_BLOCK_BYTES
from symphony_chain.content.varint import MAX_VARINT_BYTES, encode_uvarint

MAX_HEADER_BYTES = 4096
_CID_BYTES = 36
_HINT = "the provider sent a broken archive; ask another one"


def car_header(root: Cid) -> bytes:
    """Header section of an archive with one root (dag-cbor ``{"roots": [root], "version": 1}``)."""
    link = b"\x00" + bytes(root)
    body = b"\xa2\x65roots\x81\xd8\x2a\x58" + bytes((len(link),)) + link + b"\x67version\x01"
    return encode_uvarint(len(body)) + body


def car_section(cid: Cid, block: bytes) -> bytes:
    """One block as a CAR section."""
    name = bytes(cid)
    return encode_uvarint(len(name) + len(block)) + name + block


def read_car(chunks: Iterable[bytes], *, max_bytes: int) -> Iterator[tuple[Cid, bytes]]:
    """(CID, verified block) pairs from the chunks of an archive.

    Args:
        max_bytes: bytes of the stream, header and all, after which it is refused.

    Raises:
        MalformedCar: not CARv1, cut off, or a section no block can need. HashMismatch: a block that is not
            what its CID says.
        TooLarge: more than ``max_bytes``.
    """
    source = _Source(chunks, max_bytes)
    length = source.varint()
    if length is None or not 0 < length <= MAX_HEADER_BYTES:
        raise MalformedCar("no CARv1 header at the start", hint=_HINT)
    header = source.take(length)
    if b"\x67version\x01" not in header:
        raise MalformedCar("the archive is not CAR version 1", hint=_HINT)
    while (length := source.varint()) is not None:
        if not 0 < length <= MAX_BLOCK_BYTES + _CID_BYTES:
            raise MalformedCar(f"section of {length} bytes; a block has at most 2 MiB", hint=_HINT)
        section = source.take(length)
        try:
            cid, at = Cid.read(section)
        except MalformedCid as exc:
            raise MalformedCar(f"section without a usable CID: {exc}", hint=_HINT) from exc
        block = section[at:]
        cid.verify(block)
        yield cid, block


class _Source:
    """Bytes on demand from chunks, counted against a limit."""

    def __init__(self, chunks: Iterable[bytes], max_bytes: int) -> None:
        self._chunks = iter(chunks)
        self._buffer = bytearray()
        self._seen_bytes = 0
        self._max_bytes = max_bytes

    def varint(self) -> int | None:
        """The next varint, or None at a clean end."""
        value = 0
        for index in range(MAX_VARINT_BYTES):
            if not self._fill(index + 1):
                if index == 0:
                    return None
                raise MalformedCar("the archive ends inside a length", hint=_HINT)
            byte = self._buffer[index]
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                del self._buffer[: index + 1]
                return value
        raise MalformedCar("a length of more than 9 bytes", hint=_HINT)

    def take(self, count: int) -> bytes:
        if not self._fill(count):
            raise MalformedCar(
                f"the archive ends inside a section ({len(self._buffer)} of {count} bytes)", hint=_HINT
            )
        out = bytes(memoryview(self._buffer)[:count])
        del self._buffer[:count]
        return out

    def _fill(self, count: int) -> bool:
        while len(self._buffer) < count:
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self._seen_bytes += len(chunk)
            if self._seen_bytes > self._max_bytes:
                raise TooLarge(
                    f"the archive exceeds {self._max_bytes} bytes", hint="raise the limit if you trust it"
                )
            self._buffer += chunk
        return True
