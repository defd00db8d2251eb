"""Calls of the market inside a transaction, as far as its calldata shows them. Knows no meaning of their arguments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from eth_abi import abi as eth_abi
from eth_abi.exceptions import DecodingError

from symphony.verify.reader import ChainReader
from symphony_chain.abi import MARKET, function


def market_calls(reader: ChainReader, tx_hash: bytes, *names: str) -> Iterator[tuple[Any, ...]]:
    """Arguments of the calls of these functions, sent to the market directly or in a batch; none through other contracts."""
    tx = reader.transaction(tx_hash)
    if tx is None or tx.to != reader.deployment.market:
        return
    for call in _calls(tx.data):
        for name in names:
            if call[:4] == function(MARKET, name).hash[:4]:
                values = _decoded(name, call)
                if values is not None:
                    yield values


def _calls(data: bytes) -> list[bytes]:
    """The call itself, or the calls of a batch."""
    if data[:4] != function(MARKET, "multicall").hash[:4]:
        return [data]
    values = _decoded("multicall", data)
    return [bytes(call) for call in values[0]] if values is not None else []


def _decoded(name: str, call: bytes) -> tuple[Any, ...] | None:
    try:
        return tuple(eth_abi.decode(function(MARKET, name).types, call[4:]))
    except DecodingError:
        return None
