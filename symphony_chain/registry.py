"""Typed client of AgentRegistry: views over RPC, and calldata for every call we make. Sends nothing itself (see `tx`)."""

from __future__ import annotations

from typing import Any

from eth_utils.address import to_checksum_address

from symphony_chain.abi import REGISTRY, decode_output, encode
from symphony_chain.rpc import BlockId, Rpc


class RegistryClient:
    """Reads of one registry at `block` (default latest)."""

    def __init__(self, rpc: Rpc, address: str) -> None:
        self.rpc = rpc
        self.address = address

    def _read(self, block: BlockId, name: str, *args: Any) -> tuple[Any, ...]:
        return decode_output(REGISTRY, name, self.rpc.eth_call(self.address, encode(REGISTRY, name, *args), block))

    def owner_and_wallet(self, agent_id: int, block: BlockId = "latest") -> tuple[str, str]:
        """Owner and operator wallet (the owner where none is set); zero addresses for an unknown agent."""
        owner, wallet = self._read(block, "ownerAndWallet", agent_id)
        return to_checksum_address(owner), to_checksum_address(wallet)

    def declared(self, agent_id: int, page_id: bytes, block: BlockId = "latest") -> int:
        word: int = self._read(block, "declaredOf", agent_id, page_id)[0]
        return word

    def file_digest(self, agent_id: int, block: BlockId = "latest") -> bytes:
        """sha-256 digest of the registration file (raw CIDv1)."""
        return bytes(self._read(block, "fileDigestOf", agent_id)[0])

    def token_uri(self, agent_id: int, block: BlockId = "latest") -> str:
        uri: str = self._read(block, "tokenURI", agent_id)[0]
        return uri


def encode_register(file_digest: bytes, page_id: bytes, word: int) -> bytes:
    return encode(REGISTRY, "register(bytes32,bytes32,uint256)", file_digest, page_id, word)


def encode_set_agent_wallet(agent_id: int, wallet: str, deadline_s: int, signature: bytes) -> bytes:
    return encode(REGISTRY, "setAgentWallet", agent_id, wallet, deadline_s, signature)


def encode_declare(agent_id: int, page_id: bytes, word: int) -> bytes:
    return encode(REGISTRY, "declare", agent_id, page_id, word)


def encode_set_file(agent_id: int, file_digest: bytes) -> bytes:
    return encode(REGISTRY, "setFile", agent_id, file_digest)


def encode_publish_page(tags_json: str) -> bytes:
    return encode(REGISTRY, "publishPage", tags_json)
