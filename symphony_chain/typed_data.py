"""EIP-712 documents of any of our contracts: one domain, one primary type without nested types. Pure.

`signing` has the messages of market and registry; the clients of the smaller contracts make theirs with this.
"""

from __future__ import annotations

from typing import Any

from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

_DOMAIN_TYPE = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]


def document(
    name: str, chain_id: int, contract: str, primary_type: str, fields: str, message: dict[str, Any]
) -> dict[str, Any]:
    """The full document (``eth_signTypedData_v4``) that a wallet shows and signs.

    Args:
        name: of the contract's domain, version 1.
        fields: of the type, in order, as in Solidity: ``"uint256 agentId,bytes32 digest"``.
    """
    pairs = [pair.split() for pair in fields.split(",")]
    return {
        "types": {
            "EIP712Domain": _DOMAIN_TYPE,
            primary_type: [{"type": kind, "name": field} for kind, field in pairs],
        },
        "primaryType": primary_type,
        "domain": {"name": name, "version": "1", "chainId": chain_id, "verifyingContract": contract},
        "message": message,
    }


def digest(typed: dict[str, Any]) -> bytes:
    """EIP-712 digest of a document, 32 bytes."""
    signable = encode_typed_data(full_message=typed)
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


def sign(account: LocalAccount, typed: dict[str, Any]) -> bytes:
    """65-byte signature (r, s, v) of a document."""
    return bytes(account.sign_message(encode_typed_data(full_message=typed)).signature)
