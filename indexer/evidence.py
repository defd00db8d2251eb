"""What an audit reads from the chain, anew: headers, raw logs, transactions with receipts, and the contracts' storage.

Believes nothing that the index holds. Knows no SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from indexer.contracts import Contracts, method_name
from indexer.report import Difference
from symphony_chain.abi import decode_output, encode, function
from symphony_chain.deploy import Deployment
from symphony_chain.errors import ChainUnavailable, ContractError, RpcError
from symphony_chain.rpc import Rpc, block_id
from symphony_chain.rpc_types import Block, Log, checksum, receipt_from_json, to_bytes, tx_from_json
from symphony_chain.types import NATIVE

RANGE = 500  # blocks per request
_BALANCE_OF = bytes.fromhex("70a08231")  # balanceOf(address)
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The chain from the deployment's block on: headers, our contracts' logs in order, transaction rows, disagreements."""

    blocks: dict[int, Block]
    logs: list[Log]
    transactions: list[Row]
    findings: list[Difference]


def collect(rpc: Rpc, deployment: Deployment, last: int) -> Evidence:
    """Reads blocks ``deployment.block`` … ``last``.

    Raises:
        ChainUnavailable: the node lacks some of them, or moved meanwhile.
    """
    blocks: dict[int, Block] = {}
    logs: dict[tuple[int, int], Log] = {}
    contracts = Contracts(deployment)
    for start, end in _ranges(deployment.block, last):
        for block in rpc.get_blocks(range(start, end + 1)):
            if block is None:
                raise ChainUnavailable(
                    f"the node lacks a block between {start} and {end}",
                    code="chain.node_behind",
                    hint="wait until the node has caught up with the index, then audit again",
                )
            blocks[block.number] = block
        for log in filter(contracts.ours, rpc.get_logs(from_block=start, to_block=end, address=contracts.addresses)):
            logs[log.block_number, log.log_index] = log
    ordered = [logs[place] for place in sorted(logs)]
    if any(blocks[log.block_number].hash != log.block_hash for log in ordered):
        raise ChainUnavailable("the chain was reorganised while it was audited", code="chain.moving", hint="audit again")
    rows, findings = _transactions(rpc, ordered, contracts.ours)
    return Evidence(blocks, ordered, rows, findings)


def _ranges(first: int, last: int) -> Iterator[tuple[int, int]]:
    for start in range(first, last + 1, RANGE):
        yield start, min(start + RANGE - 1, last)


def _transactions(rpc: Rpc, logs: Sequence[Log], ours: Callable[[Log], bool]) -> tuple[list[Row], list[Difference]]:
    """Rows of `transactions`; a receipt whose logs are not those that eth_getLogs gave is a finding."""
    hashes = list(dict.fromkeys(log.tx_hash for log in logs))
    given: dict[bytes, list[Log]] = {tx_hash: [] for tx_hash in hashes}
    for log in logs:
        given[log.tx_hash].append(log)
    txs = rpc.batch([("eth_getTransactionByHash", ("0x" + h.hex(),)) for h in hashes])
    receipts = rpc.batch([("eth_getTransactionReceipt", ("0x" + h.hex(),)) for h in hashes])
    rows, findings = [], []
    for tx_hash, raw_tx, raw_receipt in zip(hashes, txs, receipts, strict=True):
        if raw_tx is None or raw_receipt is None:
            raise ChainUnavailable("the node forgot a transaction of a log", code="chain.moving", hint="audit again")
        tx, receipt = tx_from_json(raw_tx), receipt_from_json(raw_receipt)
        proven = [log for log in receipt.logs if ours(log)]
        if proven != given[tx_hash] or receipt.status != 1:
            findings.append(Difference("chain", "0x" + tx_hash.hex(), "receipt", len(given[tx_hash]), len(proven)))
        rows.append(
            {
                "hash": "0x" + tx_hash.hex(),
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
    return rows, findings


def block_row(block: Block) -> Row:
    """A header as the table `blocks` must hold it."""
    return {
        "number": block.number,
        "hash": "0x" + block.hash.hex(),
        "parent_hash": "0x" + block.parent_hash.hex(),
        "timestamp_s": block.timestamp,
        "gas_used": block.gas_used,
        "gas_limit": block.gas_limit,
        "base_fee_wei": block.base_fee_wei,
    }


def log_row(log: Log) -> Row:
    """A raw log as the table `logs` must hold it."""
    row: Row = {f"topic{i}": None for i in range(4)}
    row |= {f"topic{i}": "0x" + topic.hex() for i, topic in enumerate(log.topics)}
    return row | {
        "block_number": log.block_number,
        "log_index": log.log_index,
        "tx_hash": "0x" + log.tx_hash.hex(),
        "tx_index": log.tx_index,
        "address": log.address,
        "data": "0x" + log.data.hex(),
    }


class Storage:
    """Batched view calls on our contracts at one block."""

    def __init__(self, rpc: Rpc, deployment: Deployment, block_number: int) -> None:
        self._rpc = rpc
        self._block = block_number
        self._market = deployment.market
        self._address = Contracts(deployment).address_of

    def read(self, contract: str, name: str, arguments: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Results of one view for many arguments; addresses checksummed."""
        calls = []
        for args in arguments:
            call = {"to": self._address(contract), "data": "0x" + encode(contract, name, *args).hex()}
            calls.append(("eth_call", (call, block_id(self._block))))
        return [_decoded(contract, name, to_bytes(raw)) for raw in self._rpc.batch(calls)]

    def held_wei(self, token: str) -> int | None:
        """What the market really has of the native coin or a token; None where a token does not say."""
        market = self._market
        if token == NATIVE:
            return self._rpc.get_balance(market, self._block)
        try:
            answer = self._rpc.eth_call(token, _BALANCE_OF + bytes(12) + bytes.fromhex(market[2:]), self._block)
        except (ContractError, RpcError):
            return None
        return int.from_bytes(answer[:32], "big") if len(answer) >= 32 else None

    def had_code(self, address: str, block_number: int) -> bool:
        """Whether an address was a contract at a block; where the node has forgotten that, whether it is one now."""
        try:
            return bool(self._rpc.get_code(address, block_number))
        except RpcError:
            return bool(self._rpc.get_code(address, self._block))


def _decoded(contract: str, name: str, data: bytes) -> tuple[Any, ...]:
    try:
        values = decode_output(contract, name, data)
    except ContractError:
        return (data,)  # no such result: it will differ from whatever is wanted
    kinds = function(contract, name).outputs
    return tuple(checksum(v) if kind == "address" else v for kind, v in zip(kinds, values, strict=True))
