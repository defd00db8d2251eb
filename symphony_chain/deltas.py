"""Typed client of DeltaRegistry: deltas, heads of lines, signatures, views over RPC, and calldata. Sends nothing itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi import abi as eth_abi
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from symphony_chain import typed_data
from symphony_chain.abi import decode_output, encode
from symphony_chain.rpc import BlockId, Rpc

#: Name of the contract's artifact.
DELTAS = "DeltaRegistry"
#: The head of a line that has not begun.
NO_HEAD = bytes(32)
_DOMAIN = "Symphony DeltaRegistry"
_FIELDS = "uint256 agentId,bytes32 baseModel,bytes32 parent,bytes32 digest,uint64 size,uint8 codec"
_TYPEHASH = keccak(text=f"Delta({_FIELDS})")


@dataclass(frozen=True, slots=True)
class Delta:
    """A sparse update by content: its manifest's CID, the base model's digest, and the head that it follows."""

    agent_id: int
    base_model: bytes
    parent: bytes
    digest: bytes
    size_bytes: int
    codec: int

    def as_tuple(self) -> tuple[Any, ...]:
        return (self.agent_id, self.base_model, self.parent, self.digest, self.size_bytes, self.codec)

    @property
    def head(self) -> bytes:
        """The head of the line once this delta is its last: the EIP-712 struct hash, 32 bytes."""
        types = ["bytes32", "uint256", "bytes32", "bytes32", "bytes32", "uint64", "uint8"]
        return keccak(eth_abi.encode(types, [_TYPEHASH, *self.as_tuple()]))


def is_line(deltas: Iterable[Delta], head: bytes) -> bool:
    """Whether the deltas, from the first, are the whole line of one agent on one base model that ends in `head`."""
    at, lines = NO_HEAD, set()
    for delta in deltas:
        if delta.parent != at:
            return False
        at = delta.head
        lines.add((delta.agent_id, delta.base_model))
    return at == head and len(lines) <= 1


class DeltaClient:
    """Reads of one registry at `block` (default latest). All raise ChainUnavailable when the node is away."""

    def __init__(self, rpc: Rpc, address: str) -> None:
        self.rpc = rpc
        self.address = address

    def head(self, agent_id: int, base_model: bytes, block: BlockId = "latest") -> bytes:
        """Head of an agent's line on a base model; `NO_HEAD` where it has not begun."""
        data = self.rpc.eth_call(self.address, encode(DELTAS, "headOf", agent_id, base_model), block)
        return bytes(decode_output(DELTAS, "headOf", data)[0])


def delta_document(chain_id: int, registry: str, delta: Delta) -> dict[str, Any]:
    """What the agent's wallet or owner signs to have a delta published by anybody, as long as its parent is the head."""
    names = ("agentId", "baseModel", "parent", "digest", "size", "codec")
    message = dict(zip(names, delta.as_tuple(), strict=True))
    return typed_data.document(_DOMAIN, chain_id, registry, "Delta", _FIELDS, message)


def sign_delta(account: LocalAccount, chain_id: int, registry: str, delta: Delta) -> bytes:
    return typed_data.sign(account, delta_document(chain_id, registry, delta))


def encode_publish(delta: Delta, signature: bytes = b"") -> bytes:
    return encode(DELTAS, "publish", delta.as_tuple(), signature)


def encode_multicall(calls: Sequence[bytes]) -> bytes:
    """Several lines, or several steps of one, in one transaction."""
    return encode(DELTAS, "multicall", list(calls))
