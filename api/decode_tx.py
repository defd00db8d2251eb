"""Reads a signed raw transaction: who sends what to whom. Pure; sends nothing and checks no state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import rlp
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hexbytes import HexBytes

from symphony_chain.errors import InvalidInput

MAX_RAW_BYTES = 128 * 1024


@dataclass(frozen=True)
class SignedTx:
    """A signed transaction, taken apart."""

    raw: bytes
    hash: bytes
    sender: str
    to: str | None
    data: bytes
    value_wei: int
    chain_id: int | None
    nonce: int
    gas: int


def decode_signed(raw: bytes) -> SignedTx:
    """The transaction in raw bytes.

    Raises:
        InvalidInput: not a signed transaction, or too large.
    """
    if not 0 < len(raw) <= MAX_RAW_BYTES:
        raise _malformed(f"a raw transaction has 1…{MAX_RAW_BYTES} bytes, not {len(raw)}")
    try:
        fields = _typed(raw) if raw[0] < 0x80 else _legacy(raw)
        sender = str(Account.recover_transaction(HexBytes(raw)))
        to = bytes(fields["to"])
        return SignedTx(
            raw=raw,
            hash=keccak(raw),
            sender=sender,
            to=str(to_checksum_address(to)) if to else None,
            data=bytes(fields["data"]),
            value_wei=fields["value"],
            chain_id=fields["chainId"],
            nonce=fields["nonce"],
            gas=fields["gas"],
        )
    except Exception as error:  # the decoders raise whatever their parts raise; all of it means: malformed
        raise _malformed(f"the bytes are not a signed transaction ({type(error).__name__})") from error


def _typed(raw: bytes) -> dict[str, Any]:
    return dict(TypedTransaction.from_bytes(HexBytes(raw)).as_dict())


def _legacy(raw: bytes) -> dict[str, Any]:
    nonce, _price, gas, to, value, data, v, _r, _s = rlp.decode(raw)
    parity = int.from_bytes(v, "big")
    return {
        "nonce": int.from_bytes(nonce, "big"),
        "gas": int.from_bytes(gas, "big"),
        "to": to,
        "value": int.from_bytes(value, "big"),
        "data": data,
        "chainId": (parity - 35) // 2 if parity >= 35 else None,  # EIP-155
    }


def _malformed(message: str) -> InvalidInput:
    return InvalidInput(message, hint="send the 0x-hex that your wallet or library signed", code="tx.malformed")
