"""Typed answers of an Ethereum node: blocks, logs, transactions, receipts, and their JSON-RPC parsers.

Hashes, topics and data are bytes, addresses checksummed strings, amounts int (wei). Does not know how answers
travel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from eth_utils.address import to_checksum_address

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Block:
    """A block header, as much of it as following a chain and pricing a transaction need."""

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int
    base_fee_wei: int = 0
    gas_limit: int = 0
    gas_used: int = 0


@dataclass(frozen=True, slots=True)
class Log:
    """One event as mined; ``topics`` are 32-byte words."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    block_hash: bytes
    tx_hash: bytes
    tx_index: int
    log_index: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """The receipt of a mined transaction; ``status`` is 1 for success, 0 for a revert."""

    tx_hash: bytes
    status: int
    block_number: int
    block_hash: bytes
    tx_index: int
    gas_used: int
    effective_gas_price_wei: int
    contract_address: str | None
    logs: tuple[Log, ...]


@dataclass(frozen=True, slots=True)
class Tx:
    """A transaction as the node knows it; block fields are None while it is pending."""

    hash: bytes
    sender: str
    to: str | None
    nonce: int
    value_wei: int
    data: bytes
    gas: int
    block_number: int | None
    block_hash: bytes | None
    tx_index: int | None


@dataclass(frozen=True, slots=True)
class Fees:
    """EIP-1559 fees offered by one transaction, in wei per gas."""

    max_fee_wei: int
    max_priority_fee_wei: int


@lru_cache(maxsize=65536)
def checksum(address: str) -> str:
    """EIP-55 form of a hex address; cached because a chain repeats few addresses many times."""
    return str(to_checksum_address(address))


def address_topic(address: str) -> bytes:
    """An address as an indexed parameter of a log: 32 bytes."""
    return to_bytes(address).rjust(32, b"\0")


def to_bytes(text: str) -> bytes:
    """Bytes of a 0x-prefixed hex string."""
    return bytes.fromhex(text[2:])


def block_from_json(raw: Json) -> Block:
    """Parses eth_getBlockBy* answers."""
    return Block(
        number=int(raw["number"], 16),
        hash=to_bytes(raw["hash"]),
        parent_hash=to_bytes(raw["parentHash"]),
        timestamp=int(raw["timestamp"], 16),
        base_fee_wei=int(raw.get("baseFeePerGas") or "0x0", 16),
        gas_limit=int(raw["gasLimit"], 16),
        gas_used=int(raw["gasUsed"], 16),
    )


def log_from_json(raw: Json) -> Log:
    """Parses one element of an eth_getLogs answer or of a receipt."""
    return Log(
        address=checksum(raw["address"]),
        topics=tuple(to_bytes(topic) for topic in raw["topics"]),
        data=to_bytes(raw["data"]),
        block_number=int(raw["blockNumber"], 16),
        block_hash=to_bytes(raw["blockHash"]),
        tx_hash=to_bytes(raw["transactionHash"]),
        tx_index=int(raw["transactionIndex"], 16),
        log_index=int(raw["logIndex"], 16),
    )


def receipt_from_json(raw: Json) -> Receipt:
    """Parses eth_getTransactionReceipt answers."""
    created = raw.get("contractAddress")
    return Receipt(
        tx_hash=to_bytes(raw["transactionHash"]),
        status=int(raw["status"], 16),
        block_number=int(raw["blockNumber"], 16),
        block_hash=to_bytes(raw["blockHash"]),
        tx_index=int(raw["transactionIndex"], 16),
        gas_used=int(raw["gasUsed"], 16),
        effective_gas_price_wei=int(raw.get("effectiveGasPrice") or "0x0", 16),
        contract_address=checksum(created) if created else None,
        logs=tuple(log_from_json(log) for log in raw["logs"]),
    )


def tx_from_json(raw: Json) -> Tx:
    """Parses eth_getTransactionByHash answers, pending ones too."""
    mined = raw.get("blockHash") is not None
    return Tx(
        hash=to_bytes(raw["hash"]),
        sender=checksum(raw["from"]),
        to=checksum(raw["to"]) if raw.get("to") else None,
        nonce=int(raw["nonce"], 16),
        value_wei=int(raw["value"], 16),
        data=to_bytes(raw["input"]),
        gas=int(raw["gas"], 16),
        block_number=int(raw["blockNumber"], 16) if mined else None,
        block_hash=to_bytes(raw["blockHash"]) if mined else None,
        tx_index=int(raw["transactionIndex"], 16) if mined else None,
    )
