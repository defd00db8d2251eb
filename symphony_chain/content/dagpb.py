"""dag-pb nodes and the UnixFS message inside them: bytes to values and back, strict about structure.

Encoding details that decide the CID: links come before data; a file link's name is present and empty; Tsize
counts the child's own block too. Sources: IPLD dag-pb specification, UnixFS specification. Knows nothing of
files, layout or stores.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from symphony_chain.content.cid import Cid
from symphony_chain.content.errors import MalformedBlock, MalformedCid
from symphony_chain.content.varint import decode_uvarint, encode_uvarint

TYPE_RAW = 0
TYPE_FILE = 2
_HINT = "the publisher made a broken block; ask for the content again under another CID"


@dataclass(frozen=True, slots=True)
class Link:
    """One child: its CID, its name (empty in files) and the cumulative size in bytes of all blocks below
    it."""

    cid: Cid
    name: bytes
    tsize_bytes: int


@dataclass(frozen=True, slots=True)
class FileNode:
    """A UnixFS file node: inline data, then one child per entry of ``block_sizes_bytes`` (file bytes below
    that child)."""

    links: tuple[Link, ...]
    data: bytes
    block_sizes_bytes: tuple[int, ...]

    @property
    def size_bytes(self) -> int:
        """File bytes below this node."""
        return len(self.data) + sum(self.block_sizes_bytes)


def encode_file_node(links: Iterable[Link], block_sizes_bytes: Iterable[int]) -> bytes:
    """dag-pb block of an interior file node (no inline data)."""
    sizes = tuple(block_sizes_bytes)
    unixfs = (
        b"\x08\x02\x18"
        + encode_uvarint(sum(sizes))
        + b"".join(b"\x20" + encode_uvarint(size) for size in sizes)
    )
    return b"".join(_encode_link(link) for link in links) + _field(0x0A, unixfs)


def decode_file_node(block: bytes) -> FileNode:
    """The file node in a dag-pb block; ``MalformedBlock`` for anything that is not a consistent file node."""
    links, data = decode_node(block)
    if data is None:
        raise MalformedBlock("dag-pb node without UnixFS data", hint=_HINT)
    kind, inline, file_size, sizes = _decode_unixfs(data)
    if kind not in (TYPE_RAW, TYPE_FILE):
        raise MalformedBlock(f"UnixFS type {kind} is not a file", hint=_HINT)
    if len(sizes) != len(links):
        raise MalformedBlock(f"{len(links)} links but {len(sizes)} block sizes", hint=_HINT)
    if any(link.name for link in links):
        raise MalformedBlock("a part of a file has a name", hint=_HINT)
    if any(size == 0 for size in sizes):
        raise MalformedBlock("a child of size zero", hint=_HINT)
    node = FileNode(tuple(links), inline, tuple(sizes))
    if file_size is not None and file_size != node.size_bytes:
        raise MalformedBlock(f"file size {file_size} declared, {node.size_bytes} in the parts", hint=_HINT)
    return node


def decode_node(block: bytes) -> tuple[list[Link], bytes | None]:
    """(links, data) of any dag-pb block."""
    links: list[Link] = []
    data: bytes | None = None
    for number, value in _fields(block):
        if number == 1 and isinstance(value, bytes) and data is None:
            data = value
        elif number == 2 and isinstance(value, bytes):
            links.append(_decode_link(value))
        else:
            raise MalformedBlock(f"unexpected dag-pb field {number}", hint=_HINT)
    return links, data


def _encode_link(link: Link) -> bytes:
    body = (
        _field(0x0A, bytes(link.cid)) + _field(0x12, link.name) + b"\x18" + encode_uvarint(link.tsize_bytes)
    )
    return _field(0x12, body)


def _field(tag: int, value: bytes) -> bytes:
    return bytes((tag,)) + encode_uvarint(len(value)) + value


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, value) of a protobuf message; only varints and byte strings occur in dag-pb and
    UnixFS."""
    at = 0
    try:
        while at < len(data):
            tag, at = decode_uvarint(data, at)
            if tag & 7 == 0:
                number, at = decode_uvarint(data, at)
                yield tag >> 3, number
            elif tag & 7 == 2:
                length, at = decode_uvarint(data, at)
                if at + length > len(data):
                    raise ValueError("truncated field")
                yield tag >> 3, bytes(data[at : at + length])
                at += length
            else:
                raise ValueError(f"wire type {tag & 7}")
    except ValueError as exc:
        raise MalformedBlock(f"broken protobuf: {exc}", hint=_HINT) from exc


def _decode_link(data: bytes) -> Link:
    cid: Cid | None = None
    name = b""
    tsize_bytes = 0
    for number, value in _fields(data):
        if number == 1 and isinstance(value, bytes):
            cid = _link_cid(value)
        elif number == 2 and isinstance(value, bytes):
            name = value
        elif number == 3 and isinstance(value, int):
            tsize_bytes = value
        else:
            raise MalformedBlock(f"unexpected link field {number}", hint=_HINT)
    if cid is None:
        raise MalformedBlock("link without a CID", hint=_HINT)
    return Link(cid, name, tsize_bytes)


def _link_cid(data: bytes) -> Cid:
    try:
        cid, end = Cid.read(data)
    except MalformedCid as exc:
        raise MalformedBlock(f"link to an unusable CID: {exc}", hint=_HINT) from exc
    if end != len(data):
        raise MalformedBlock("bytes after a link's CID", hint=_HINT)
    return cid


def _decode_unixfs(data: bytes) -> tuple[int, bytes, int | None, list[int]]:
    kind = -1
    inline = b""
    file_size: int | None = None
    sizes: list[int] = []
    for number, value in _fields(data):
        if number == 1 and isinstance(value, int):
            kind = value
        elif number == 2 and isinstance(value, bytes):
            inline = value
        elif number == 3 and isinstance(value, int):
            file_size = value
        elif number == 4:
            sizes.extend([value] if isinstance(value, int) else _packed(value))
        # Mode and mtime (fields 7, 8) and later additions do not change the bytes of the file.
    return kind, inline, file_size, sizes


def _packed(data: bytes) -> Iterator[int]:
    at = 0
    try:
        while at < len(data):
            value, at = decode_uvarint(data, at)
            yield value
    except ValueError as exc:
        raise MalformedBlock(f"broken packed sizes: {exc}", hint=_HINT) from exc
