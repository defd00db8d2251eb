"""Unsigned varints of the multiformats and protobuf encodings: at most 9 bytes, least significant group
first.

Source: multiformats/unsigned-varint. Knows nothing of what the numbers mean.
"""

from __future__ import annotations

MAX_VARINT_BYTES = 9


def encode_uvarint(value: int) -> bytes:
    """Minimal varint of ``0 <= value < 2**63``."""
    if not 0 <= value < 1 << 63:
        raise ValueError(f"varint out of range: {value}")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode_uvarint(data: bytes, offset: int = 0) -> tuple[int, int]:
    """(value, offset after it); ``ValueError`` if truncated, longer than 9 bytes or not minimal."""
    value = 0
    for index in range(MAX_VARINT_BYTES):
        if offset + index >= len(data):
            raise ValueError("truncated varint")
        byte = data[offset + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            if byte == 0 and index:
                raise ValueError("varint is not minimal")
            return value, offset + index + 1
    raise ValueError("varint longer than 9 bytes")
