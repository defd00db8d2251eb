"""JSON-RPC forms of headers, transactions, receipts and logs, complete enough for web3.py and ethers.

Knows nothing of where they are stored.
"""

from __future__ import annotations

from typing import Any

import rlp
from eth.abc import ReceiptAPI, SignedTransactionAPI
from eth.vm.forks.prague.blocks import PragueBlockHeader

from symphony_chain.devnet.pyevm.evm import Executed
from symphony_chain.rpc_types import checksum

Json = dict[str, Any]


def hex_bytes(value: bytes) -> str:
    """0x-prefixed data."""
    return "0x" + bytes(value).hex()


def hex_word(value: int) -> str:
    """0x-prefixed 32-byte word."""
    return f"0x{value:064x}"


def address_json(address: bytes) -> str:
    """Checksummed address."""
    return checksum(hex_bytes(address))


def block_json(header: PragueBlockHeader, tx_hashes: list[str], size_bytes: int) -> Json:
    """A block with transaction hashes; the caller swaps in whole transactions where they were asked for."""
    return {
        "number": hex(header.block_number),
        "hash": hex_bytes(header.hash),
        "parentHash": hex_bytes(header.parent_hash),
        "sha3Uncles": hex_bytes(header.uncles_hash),
        "miner": hex_bytes(header.coinbase),
        "stateRoot": hex_bytes(header.state_root),
        "transactionsRoot": hex_bytes(header.transaction_root),
        "receiptsRoot": hex_bytes(header.receipt_root),
        "logsBloom": f"0x{header.bloom:0512x}",
        "difficulty": "0x0",
        "totalDifficulty": "0x0",
        "gasLimit": hex(header.gas_limit),
        "gasUsed": hex(header.gas_used),
        "timestamp": hex(header.timestamp),
        "extraData": hex_bytes(header.extra_data),
        "mixHash": hex_bytes(header.mix_hash),
        "nonce": hex_bytes(header.nonce),
        "baseFeePerGas": hex(header.base_fee_per_gas),
        "withdrawalsRoot": hex_bytes(header.withdrawals_root),
        "withdrawals": [],
        "blobGasUsed": "0x0",
        "excessBlobGas": "0x0",
        "parentBeaconBlockRoot": hex_bytes(header.parent_beacon_block_root),
        "requestsHash": hex_bytes(header.requests_hash),
        "size": hex(size_bytes),
        "uncles": [],
        "transactions": tx_hashes,
    }


def block_size_bytes(header: PragueBlockHeader, txs: list[SignedTransactionAPI]) -> int:
    """Size of the block's RLP, good to a few bytes."""
    return len(rlp.encode(header)) + sum(len(tx.encode()) for tx in txs)


def tx_json(tx: SignedTransactionAPI) -> Json:
    """A pending transaction; ``mined_tx_json`` adds the place where it was mined."""
    kind = tx.type_id or 0
    body: Json = {
        "hash": hex_bytes(tx.hash),
        "type": hex(kind),
        "nonce": hex(tx.nonce),
        "from": address_json(tx.sender),
        "to": address_json(tx.to) if tx.to else None,
        "value": hex(tx.value),
        "gas": hex(tx.gas),
        "gasPrice": hex(tx.max_fee_per_gas),
        "input": hex_bytes(tx.data),
        "r": hex(tx.r),
        "s": hex(tx.s),
        "v": hex(tx.v if kind == 0 else tx.y_parity),
        "blockHash": None,
        "blockNumber": None,
        "transactionIndex": None,
    }
    if tx.chain_id is not None:
        body["chainId"] = hex(tx.chain_id)
    if kind:
        body["yParity"] = hex(tx.y_parity)
        body["accessList"] = [
            {"address": address_json(address), "storageKeys": [hex_word(slot) for slot in slots]}
            for address, slots in tx.access_list
        ]
    if kind >= 2:
        body["maxFeePerGas"] = hex(tx.max_fee_per_gas)
        body["maxPriorityFeePerGas"] = hex(tx.max_priority_fee_per_gas)
    if kind == 4:
        body["authorizationList"] = [
            {
                "chainId": hex(grant.chain_id),
                "address": address_json(grant.address),
                "nonce": hex(grant.nonce),
                "yParity": hex(grant.y_parity),
                "r": hex(grant.r),
                "s": hex(grant.s),
            }
            for grant in tx.authorization_list
        ]
    return body


def effective_gas_price(tx: SignedTransactionAPI, base_fee_wei: int) -> int:
    """What a transaction pays per gas in a block (EIP-1559)."""
    return min(int(tx.max_fee_per_gas), int(tx.max_priority_fee_per_gas) + base_fee_wei)


def mined_tx_json(tx: SignedTransactionAPI, header: PragueBlockHeader, index: int) -> Json:
    """A transaction with its block."""
    place = {
        "blockHash": hex_bytes(header.hash),
        "blockNumber": hex(header.block_number),
        "transactionIndex": hex(index),
    }
    return {**tx_json(tx), **place, "gasPrice": hex(effective_gas_price(tx, header.base_fee_per_gas))}


def receipt_json(
    tx: SignedTransactionAPI,
    done: Executed,
    receipt: ReceiptAPI,
    header: PragueBlockHeader,
    index: int,
    first_log: int,
) -> Json:
    """A receipt with its logs; ``first_log`` is the block-wide index of its first log."""
    place = {"transactionHash": hex_bytes(tx.hash), "transactionIndex": hex(index)}
    place |= {"blockHash": hex_bytes(header.hash), "blockNumber": hex(header.block_number)}
    logs = [
        {
            **place,
            "address": address_json(address),
            "topics": [hex_word(topic) for topic in topics],
            "data": hex_bytes(data),
            "logIndex": hex(first_log + position),
            "blockTimestamp": hex(header.timestamp),
            "removed": False,
        }
        for position, (address, topics, data) in enumerate(done.logs)
    ]
    return {
        **place,
        "type": hex(tx.type_id or 0),
        "from": address_json(tx.sender),
        "to": address_json(tx.to) if tx.to else None,
        "status": "0x1" if done.ok else "0x0",
        "gasUsed": hex(done.gas_used),
        "cumulativeGasUsed": hex(receipt.gas_used),
        "effectiveGasPrice": hex(effective_gas_price(tx, header.base_fee_per_gas)),
        "contractAddress": address_json(done.created) if done.created and done.ok else None,
        "logsBloom": f"0x{int(receipt.bloom):0512x}",
        "logs": logs,
    }
