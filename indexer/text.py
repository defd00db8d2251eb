"""How chain values are written in the index: 0x-hex for bytes and words. Pure."""

from __future__ import annotations


def hex_of(value: bytes) -> str:
    """0x-prefixed lower-case hex."""
    return "0x" + value.hex()


def word_of(value: int) -> str:
    """A capability word (uint256) as 64 hex digits, lane 15 first."""
    return f"0x{value:064x}"


def plain(value: str) -> str:
    """A stranger's text as every database can hold it: PostgreSQL knows no NUL."""
    return value.replace("\0", "\ufffd")


def bytes_of(text: str) -> bytes:
    """Inverse of `hex_of`."""
    return bytes.fromhex(text.removeprefix("0x"))
