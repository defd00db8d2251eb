"""The typed JSON-RPC client of Symphony: one node, raw calls, batches and the few helpers that every package
needs.

Keeps no keys and no state; journals, nonces and reorgs are the business of ``tx`` and ``follow``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symphony_chain.rpc_transport import JsonRpcTransport, error_from_json, wait_until
from symphony_chain.rpc_types import (
    Block,
    Fees,
    Log,
    Receipt,
    Tx,
    block_from_json,
    checksum,
    log_from_json,
    receipt_from_json,
    to_bytes,
    tx_from_json,
)

__all__ = [
    "Block",
    "BlockId",
    "Fees",
    "Log",
    "Receipt",
    "Rpc",
    "Tx",
    "block_id",
    "checksum",
    "error_from_json",
    "wait_until",
]

BlockId = int | bytes | str  # a height, a 32-byte hash, or a tag such as "latest"
Topics = Sequence[bytes | Sequence[bytes] | None]


def block_id(block: BlockId) -> Any:
    """The JSON-RPC form of a block: hex height, EIP-1898 object for a hash, or the tag itself."""
    if isinstance(block, bytes):
        return {"blockHash": "0x" + block.hex()}
    return hex(block) if isinstance(block, int) else block


class Rpc(JsonRpcTransport):
    """A node at one URL. All methods raise ChainUnavailable, RpcError or RpcRevert (see
    ``rpc_transport``).
    """

    def __enter__(self) -> Rpc:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def chain_id(self) -> int:
        """EIP-155 chain id."""
        return int(self.call("eth_chainId"), 16)

    def block_number(self) -> int:
        """Height of the head."""
        return int(self.call("eth_blockNumber"), 16)

    def get_block(self, block: BlockId = "latest") -> Block | None:
        """Header of a block by height, hash or tag; None if the node has no such block."""
        if isinstance(block, bytes):
            raw = self.call("eth_getBlockByHash", "0x" + block.hex(), False)
        else:
            raw = self.call("eth_getBlockByNumber", block_id(block), False)
        return block_from_json(raw) if raw else None

    def get_blocks(self, numbers: Sequence[int]) -> list[Block | None]:
        """Headers of many heights in one batch, in order."""
        raws = self.batch([("eth_getBlockByNumber", (hex(number), False)) for number in numbers])
        return [block_from_json(raw) if raw else None for raw in raws]

    def head(self) -> Block:
        """Header of the head."""
        return block_from_json(self.call("eth_getBlockByNumber", "latest", False))

    def genesis_hash(self) -> bytes:
        """Hash of block 0: with the chain id it names a chain, and tells a restarted devnet from its
        predecessor.
        """
        return to_bytes(self.call("eth_getBlockByNumber", "0x0", False)["hash"])

    def get_logs(
        self,
        *,
        from_block: BlockId | None = None,
        to_block: BlockId | None = None,
        block_hash: bytes | None = None,
        address: str | Sequence[str] | None = None,
        topics: Topics | None = None,
    ) -> list[Log]:
        """Logs of a range of heights (both ends included), or of one block by hash.

        ``topics`` has one entry per position: None for any, a 32-byte word, or several words of which one
        must match.
        """
        query: dict[str, Any] = {}
        if block_hash is not None:
            query["blockHash"] = "0x" + block_hash.hex()
        if from_block is not None:
            query["fromBlock"] = block_id(from_block)
        if to_block is not None:
            query["toBlock"] = block_id(to_block)
        if address is not None:
            query["address"] = address if isinstance(address, str) else list(address)
        if topics is not None:
            query["topics"] = [_topic(topic) for topic in topics]
        return [log_from_json(raw) for raw in self.call("eth_getLogs", query)]

    def get_code(self, address: str, block: BlockId = "latest") -> bytes:
        """Runtime code at an address; b"" where there is none."""
        return to_bytes(self.call("eth_getCode", address, block_id(block)))

    def get_balance(self, address: str, block: BlockId = "latest") -> int:
        """Balance in wei."""
        return int(self.call("eth_getBalance", address, block_id(block)), 16)

    def get_storage_at(self, address: str, slot: int, block: BlockId = "latest") -> bytes:
        """One 32-byte storage word."""
        return to_bytes(self.call("eth_getStorageAt", address, hex(slot), block_id(block)))

    def get_nonce(self, address: str, block: BlockId = "latest") -> int:
        """Next nonce: "latest" counts mined transactions, "pending" also those in the node's pool."""
        return int(self.call("eth_getTransactionCount", address, block_id(block)), 16)

    def estimate_gas(self, sender: str, to: str | None, data: bytes, *, value_wei: int = 0) -> int:
        """Gas that the call needs now; a call that would revert raises RpcRevert."""
        return int(self.call("eth_estimateGas", _call_object(sender, to, data, value_wei)), 16)

    def eth_call(
        self,
        to: str | None,
        data: bytes,
        block: BlockId = "latest",
        *,
        sender: str | None = None,
        value_wei: int = 0,
    ) -> bytes:
        """Output of a call that changes nothing."""
        return to_bytes(self.call("eth_call", _call_object(sender, to, data, value_wei), block_id(block)))

    def send_raw(self, raw: bytes) -> bytes:
        """Broadcasts a signed transaction and returns its hash. Never repeated here: ``tx.TxSender`` knows
        when to.
        """
        return to_bytes(self.call("eth_sendRawTransaction", "0x" + raw.hex()))

    def get_receipt(self, tx_hash: bytes) -> Receipt | None:
        """Receipt of a mined transaction, or None."""
        raw = self.call("eth_getTransactionReceipt", "0x" + tx_hash.hex())
        return receipt_from_json(raw) if raw else None

    def get_transaction(self, tx_hash: bytes) -> Tx | None:
        """A transaction that the node knows, mined or pending, or None."""
        raw = self.call("eth_getTransactionByHash", "0x" + tx_hash.hex())
        return tx_from_json(raw) if raw else None

    def gas_price(self) -> int:
        """The node's suggestion for legacy transactions, wei per gas."""
        return int(self.call("eth_gasPrice"), 16)

    def fees(self) -> Fees:
        """EIP-1559 fees with head-room: twice the head's base fee, so that six full blocks in a row cannot
        price us out.
        """
        head, tip = self.batch([("eth_getBlockByNumber", ("latest", False)), ("eth_maxPriorityFeePerGas", ())])
        return fees_from(block_from_json(head).base_fee_wei, int(tip, 16))


def fees_from(base_fee_wei: int, tip_wei: int) -> Fees:
    """Fees for a base fee and a tip (EIP-1559: the base fee moves by at most 1/8 per block)."""
    return Fees(max_fee_wei=2 * base_fee_wei + tip_wei, max_priority_fee_wei=tip_wei)


def _topic(topic: bytes | Sequence[bytes] | None) -> Any:
    if topic is None:
        return None
    if isinstance(topic, bytes):
        return "0x" + topic.hex()
    return ["0x" + word.hex() for word in topic]


def _call_object(sender: str | None, to: str | None, data: bytes, value_wei: int) -> dict[str, Any]:
    call: dict[str, Any] = {"data": "0x" + data.hex(), "value": hex(value_wei)}
    if sender is not None:
        call["from"] = sender
    if to is not None:
        call["to"] = to
    return call
