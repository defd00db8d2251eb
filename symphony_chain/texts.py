"""Strings that strangers put on chain: the EVM does not ask whether they are UTF-8. Pure.

`decode_lossy` is `eth_abi.decode`, but bytes that are no UTF-8 become U+FFFD: one hostile string must not stop a whole index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eth_abi import abi as eth_abi

from symphony_chain.errors import InvalidInput


def decode_lossy(types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """Values of ABI types; strings (and arrays of strings) with what is no UTF-8 replaced.

    Raises:
        eth_abi.exceptions.DecodingError: the data is not of the types' shape.
    """
    values = eth_abi.decode([kind.replace("string", "bytes") for kind in types], data)
    return tuple(
        _text(value) if "string" in kind else value for kind, value in zip(types, values, strict=True)
    )


def _text(value: Any) -> Any:
    return (
        value.decode(errors="replace") if isinstance(value, bytes) else tuple(_text(inner) for inner in value)
    )


def label(text: str) -> bytes:
    """An ASCII name as contracts take it in a bytes32: the kind of a release, of an anchor.

    Raises:
        InvalidInput: not 1…32 visible ASCII characters.
    """
    if not (text.isascii() and text.isprintable() and 1 <= len(text) <= 32):
        raise InvalidInput(f"{text!r} is no name of a kind", hint="use 1…32 visible ASCII characters")
    return text.encode().ljust(32, b"\0")
