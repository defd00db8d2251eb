"""The transactions behind a batch of logs, read from the node and checked against its blocks. Knows no database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from indexer.contracts import method_name
from symphony_chain.follow import Applied, TornAnswer
from symphony_chain.rpc import Rpc
from symphony_chain.rpc_types import Receipt, Tx, receipt_from_json, tx_from_json


def fetch(rpc: Rpc, hashes: Sequence[bytes]) -> list[tuple[Tx, Receipt]]:
    """Transactions with their receipts, in order.

    Raises:
        TornAnswer: the node does not know one of them (any more).
    """
    texts = ["0x" + tx_hash.hex() for tx_hash in hashes]
    calls = [(f"eth_getTransaction{what}", (text,)) for text in texts for what in ("ByHash", "Receipt")]
    answers = rpc.batch(calls)
    pairs = []
    for raw_tx, raw_receipt in zip(answers[::2], answers[1::2], strict=True):
        if raw_tx is None or raw_receipt is None:
            raise TornAnswer("a transaction vanished while its logs were read")
        pairs.append((tx_from_json(raw_tx), receipt_from_json(raw_receipt)))
    return pairs


def transactions_of(rpc: Rpc, batch: Applied) -> list[dict[str, Any]]:
    """Rows of the table `transactions` for all transactions that left a log in this batch.

    Raises:
        TornAnswer: a transaction is not in the block that its log names.
    """
    blocks = {log.tx_hash: item.block for item in batch.blocks for log in item.logs}
    rows = []
    for tx, receipt in fetch(rpc, list(blocks)):
        if receipt.block_hash != blocks[tx.hash].hash:
            raise TornAnswer("a transaction moved to another block while its logs were read")
        rows.append(
            {
                "hash": "0x" + tx.hash.hex(),
                "block_number": receipt.block_number,
                "tx_index": receipt.tx_index,
                "sender": tx.sender,
                "recipient": tx.to,
                "method": method_name(tx.data),
                "status": receipt.status,
                "nonce": tx.nonce,
                "value_wei": tx.value_wei,
                "gas_used": receipt.gas_used,
                "gas_price_wei": receipt.effective_gas_price_wei,
            }
        )
    return rows
