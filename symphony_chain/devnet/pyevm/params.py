"""Parses JSON-RPC parameters; every malformed one becomes a clear -32602. Knows the node only to resolve
block names.
"""

from __future__ import annotations

from typing import Any

from symphony_chain.devnet.pyevm.evm import CallTx
from symphony_chain.devnet.pyevm.faults import INVALID_PARAMS, RpcFault
from symphony_chain.devnet.pyevm.ledger import Ledger, LogFilter, SealedBlock

SAFE_DEPTH, FINALIZED_DEPTH = 32, 64
MAX_TOPICS = 4


def bad(message: str) -> RpcFault:
    """An invalid-params error."""
    return RpcFault(INVALID_PARAMS, message)


def quantity(value: Any, name: str = "quantity") -> int:
    """A hex quantity or a JSON integer, not negative."""
    try:
        number = int(value, 16) if isinstance(value, str) else value
    except ValueError:
        number = None
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise bad(f"{name}: expected a hex quantity, got {value!r}")
    return number


def data(value: Any, name: str = "data", length: int | None = None) -> bytes:
    """0x-prefixed bytes, of ``length`` if given."""
    try:
        if not isinstance(value, str) or value[:2] not in ("0x", "0X"):
            raise ValueError
        raw = bytes.fromhex(value[2:])
    except ValueError:
        raise bad(f"{name}: expected 0x-prefixed hex, got {str(value)[:80]!r}") from None
    if length is not None and len(raw) != length:
        raise bad(f"{name}: expected {length} bytes, got {len(raw)}")
    return raw


def address(value: Any, name: str = "address") -> bytes:
    """20 bytes."""
    return data(value, name, 20)


def find_block(ledger: Ledger, name: Any) -> SealedBlock | None:
    """The block that a height, tag or EIP-1898 object names; None if there is none."""
    if isinstance(name, dict):
        if "blockHash" in name:
            return ledger.by_hash("0x" + data(name["blockHash"], "blockHash", 32).hex())
        name = name.get("blockNumber")
    if name in (None, "latest", "pending"):
        return ledger.head
    height = len(ledger.blocks) - 1
    if name == "earliest":
        return ledger.at(0)
    if name == "safe":
        return ledger.at(max(0, height - SAFE_DEPTH))
    if name == "finalized":
        return ledger.at(max(0, height - FINALIZED_DEPTH))
    return ledger.at(quantity(name, "block"))


def state_block(ledger: Ledger, name: Any) -> SealedBlock:
    """The block whose state is asked for; an error if it does not exist."""
    found = find_block(ledger, name)
    if found is None:
        raise RpcFault(-32001, f"unknown block {name!r}: the head is {len(ledger.blocks) - 1}")
    return found


def call_tx(raw: Any, gas_limit: int) -> CallTx:
    """The transaction object of eth_call and eth_estimateGas; fees are ignored, missing gas means the block's
    limit.
    """
    if not isinstance(raw, dict):
        raise bad("expected a transaction object")
    payload = raw.get("input") if raw.get("input") is not None else raw.get("data")
    gas = quantity(raw["gas"], "gas") if raw.get("gas") is not None else gas_limit
    return CallTx(
        sender=address(raw.get("from") or "0x" + "00" * 20, "from"),
        to=address(raw["to"], "to") if raw.get("to") else b"",
        value=quantity(raw.get("value") or 0, "value"),
        data=data(payload, "data") if payload is not None else b"",
        gas=min(gas, gas_limit),
        access_list=_access_list(raw.get("accessList") or ()),
    )


def _access_list(entries: Any) -> list[tuple[bytes, list[int]]]:
    try:
        return [
            (
                address(entry["address"]),
                [int.from_bytes(data(slot, "slot", 32), "big") for slot in entry["storageKeys"]],
            )
            for entry in entries
        ]
    except (KeyError, TypeError):
        raise bad("accessList: expected [{address, storageKeys}]") from None


def log_filter(raw: dict[str, Any]) -> LogFilter:
    """Addresses and topics of an eth_getLogs query."""
    wanted = raw.get("address")
    addresses = [] if wanted is None else [wanted] if isinstance(wanted, str) else wanted
    topics = raw.get("topics") or []
    if not isinstance(addresses, list) or not isinstance(topics, list) or len(topics) > MAX_TOPICS:
        raise bad("address must be one or a list, topics a list of at most 4")
    return LogFilter(
        frozenset("0x" + address(item).hex() for item in addresses),
        tuple(_alternatives(topic) for topic in topics),
    )


def _alternatives(topic: Any) -> frozenset[str]:
    words = [] if topic is None else [topic] if isinstance(topic, str) else topic
    if not isinstance(words, list) or None in words:
        return frozenset()
    return frozenset("0x" + data(word, "topic", 32).hex() for word in words)
