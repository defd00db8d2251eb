"""CIDs: the name of a block is the hash of its bytes. CIDv1, sha2-256, codecs raw and dag-pb.

The binary form is 36 bytes, ``01 <codec> 12 20 <32-byte digest>``, so that a chain keeps only digest and
codec. CIDv0 (``Qm…``) is read as the dag-pb CIDv1 that it abbreviates. Source: multiformats/cid. Knows
nothing of stores or networks.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from symphony_chain.content.errors import HashMismatch, MalformedCid
from symphony_chain.content.varint import decode_uvarint, encode_uvarint

RAW = 0x55
DAG_PB = 0x70
CODECS = {RAW: "raw", DAG_PB: "dag-pb"}
SHA2_256 = 0x12
DIGEST_BYTES = 32
MAX_CID_CHARS = 128
_V0_PREFIX = bytes((SHA2_256, DIGEST_BYTES))
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_HINT = "use a CIDv1 such as bafkrei… (raw) or bafybei… (dag-pb) with sha2-256"


@dataclass(frozen=True, slots=True)
class Cid:
    """CIDv1 with sha2-256: ``codec`` (0x55 raw or 0x70 dag-pb) and the 32-byte ``digest`` of the block."""

    codec: int
    digest: bytes

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise MalformedCid(f"codec {self.codec:#x} is not supported here", hint=_HINT)
        if len(self.digest) != DIGEST_BYTES:
            raise MalformedCid(f"a sha2-256 digest has 32 bytes, not {len(self.digest)}", hint=_HINT)

    @classmethod
    def of(cls, block: bytes, codec: int = RAW) -> Cid:
        """CID of a block's bytes."""
        return cls(codec, hashlib.sha256(block).digest())

    @classmethod
    def from_digest(cls, digest: bytes, codec: int = RAW) -> Cid:
        """CID of the digest (32 bytes) and codec that the chain keeps."""
        return cls(codec, bytes(digest))

    @classmethod
    def read(cls, data: bytes, offset: int = 0) -> tuple[Cid, int]:
        """(CID, offset after it) from its binary form inside ``data``; v0 or v1."""
        if data[offset : offset + 2] == _V0_PREFIX:
            end = offset + 2 + DIGEST_BYTES
            return cls(DAG_PB, _slice(data, offset + 2, end)), end
        try:
            version, at = decode_uvarint(data, offset)
            codec, at = decode_uvarint(data, at)
            hash_code, at = decode_uvarint(data, at)
            length, at = decode_uvarint(data, at)
        except ValueError as exc:
            raise MalformedCid(f"broken CID: {exc}", hint=_HINT) from exc
        if version != 1 or hash_code != SHA2_256 or length != DIGEST_BYTES:
            message = (
                f"CID version {version}, hash {hash_code:#x}, {length} digest bytes is not supported here"
            )
            raise MalformedCid(message, hint=_HINT)
        return cls(codec, _slice(data, at, at + DIGEST_BYTES)), at + DIGEST_BYTES

    @classmethod
    def parse(cls, text: str) -> Cid:
        """CID from a string: base32 ``b…``, base58btc ``z…`` or CIDv0 ``Qm…``; ``MalformedCid`` otherwise."""
        if not isinstance(text, str) or not 2 <= len(text) <= MAX_CID_CHARS or not text.isascii():
            raise MalformedCid("not a CID: wrong length or characters", hint=_HINT)
        raw = _multibase(text)
        cid, end = cls.read(raw)
        if end != len(raw):
            raise MalformedCid(f"{len(raw) - end} bytes after the CID {text}", hint=_HINT)
        return cid

    def __bytes__(self) -> bytes:
        return b"\x01" + encode_uvarint(self.codec) + _V0_PREFIX + self.digest

    def __str__(self) -> str:
        return "b" + base64.b32encode(bytes(self)).decode().lower().rstrip("=")

    def verify(self, block: bytes) -> None:
        """Raise ``HashMismatch`` unless ``block`` is the content that this CID names."""
        if hashlib.sha256(block).digest() != self.digest:
            raise HashMismatch(
                f"{len(block)} bytes do not hash to {self}",
                hint="the bytes were changed on the way or on disk; fetch them again from another provider",
                cid=str(self),
            )


def _slice(data: bytes, start: int, end: int) -> bytes:
    if len(data) < end:
        raise MalformedCid("truncated CID", hint=_HINT)
    return bytes(data[start:end])


def _multibase(text: str) -> bytes:
    if text.startswith("Qm") and len(text) == 46:
        return _base58(text)
    if text[0] == "z":
        return _base58(text[1:])
    if text[0] != "b":
        raise MalformedCid(f"multibase prefix {text[0]!r} is not supported", hint=_HINT)
    body = text[1:]
    try:
        raw = base64.b32decode(body.upper() + "=" * (-len(body) % 8))
    except (binascii.Error, ValueError) as exc:
        raise MalformedCid(f"not base32: {text[:80]}", hint=_HINT) from exc
    # One CID, one spelling: upper case, padding and stray low bits would otherwise give aliases.
    if base64.b32encode(raw).decode().lower().rstrip("=") != body:
        raise MalformedCid(f"not canonical lower-case base32: {text[:80]}", hint=_HINT)
    return raw


def _base58(text: str) -> bytes:
    number = 0
    for char in text:
        index = _BASE58.find(char)
        if index < 0:
            raise MalformedCid(f"not base58: {text[:80]}", hint=_HINT)
        number = number * 58 + index
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
