"""The ``eth_*``, ``net_*`` and ``web3_*`` methods of the embedded node, by name. Knows no HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eth_hash.auto import keccak
from eth_typing import Address

from symphony_chain.devnet.accounts import DEVNET_ACCOUNTS, DEVNET_CHAIN_ID
from symphony_chain.devnet.pyevm import encode, params
from symphony_chain.devnet.pyevm.encode import Json, hex_bytes
from symphony_chain.devnet.pyevm.evm import BlockEnv, CallTx
from symphony_chain.devnet.pyevm.faults import RpcFault
from symphony_chain.devnet.pyevm.ledger import SealedBlock
from symphony_chain.devnet.pyevm.node import Node
from symphony_chain.devnet.pyevm.validate import decode_transaction

CLIENT_VERSION = "symphony-pyevm/1"
TIP_WEI = 10**9
MAX_FEE_HISTORY = 1024

Method = Callable[..., Any]


class EthMethods:
    """Read methods and eth_sendRawTransaction over one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._ledger = node.ledger

    def table(self) -> dict[str, Method]:
        """Method name to function."""
        names = [name for name in dir(self) if name.startswith("eth_")]
        table: dict[str, Method] = {name: getattr(self, name) for name in names}
        table["web3_clientVersion"] = lambda: CLIENT_VERSION
        table["web3_sha3"] = lambda value: hex_bytes(keccak(params.data(value)))
        table["net_version"] = lambda: str(DEVNET_CHAIN_ID)
        table["net_listening"] = lambda: True
        return table

    # ---- chain ---------------------------------------------------------------------------------------------

    def eth_chainId(self) -> str:
        return hex(DEVNET_CHAIN_ID)

    def eth_syncing(self) -> bool:
        return False

    def eth_accounts(self) -> list[str]:
        return [address for address, _ in DEVNET_ACCOUNTS]

    def eth_blockNumber(self) -> str:
        return hex(len(self._ledger.blocks) - 1)

    def eth_getBlockByNumber(self, block: Any, full: bool = False) -> Json | None:
        return _block(params.find_block(self._ledger, block), full)

    def eth_getBlockByHash(self, block_hash: Any, full: bool = False) -> Json | None:
        return _block(self._by_hash(block_hash), full)

    def eth_getBlockReceipts(self, block: Any) -> list[Json] | None:
        found = self._by_hash(block) if _is_hash(block) else params.find_block(self._ledger, block)
        return found.receipts if found else None

    def eth_getBlockTransactionCountByNumber(self, block: Any) -> str | None:
        found = params.find_block(self._ledger, block)
        return hex(len(found.txs)) if found else None

    def eth_getTransactionByHash(self, tx_hash: Any) -> Json | None:
        raw = params.data(tx_hash, "transaction hash", 32)
        place = self._ledger.place(hex_bytes(raw))
        if place:
            return place[0].txs[place[1]]
        waiting = self._node.pool.get(raw)
        return encode.tx_json(waiting) if waiting else None

    def eth_getTransactionReceipt(self, tx_hash: Any) -> Json | None:
        place = self._ledger.place(hex_bytes(params.data(tx_hash, "transaction hash", 32)))
        return place[0].receipts[place[1]] if place else None

    def eth_getLogs(self, query: Any) -> list[Json]:
        if not isinstance(query, dict):
            raise params.bad("expected a filter object")
        wanted = params.log_filter(query)
        if query.get("blockHash") is not None:
            return self._ledger.logs(
                [params.state_block(self._ledger, {"blockHash": query["blockHash"]})], wanted
            )
        start, end = self._height(query.get("fromBlock")), self._height(query.get("toBlock"))
        if start > end:
            raise params.bad(f"invalid block range: from {start} to {end}")
        return self._ledger.logs(self._ledger.blocks[start : end + 1], wanted)

    # ---- state ---------------------------------------------------------------------------------------------

    def eth_getBalance(self, address: Any, block: Any = "latest") -> str:
        return hex(self._state(block).get_balance(Address(params.address(address))))

    def eth_getCode(self, address: Any, block: Any = "latest") -> str:
        return hex_bytes(self._state(block).get_code(Address(params.address(address))))

    def eth_getStorageAt(self, address: Any, slot: Any, block: Any = "latest") -> str:
        word = self._state(block).get_storage(Address(params.address(address)), params.quantity(slot, "slot"))
        return encode.hex_word(word)

    def eth_getTransactionCount(self, address: Any, block: Any = "latest") -> str:
        raw = params.address(address)
        mined = self._node.nonce(raw, params.state_block(self._ledger, block))
        return hex(self._node.pool.next_nonce(raw, mined) if block == "pending" else mined)

    def eth_call(self, tx: Any, block: Any = "latest", overrides: Any = None) -> str:
        if overrides:
            raise params.bad("state overrides are not supported by this devnet")
        env, root, call = self._call(tx, block)
        return hex_bytes(self._node.evm.call(env, root, call))

    def eth_estimateGas(self, tx: Any, block: Any = "pending", overrides: Any = None) -> str:
        if overrides:
            raise params.bad("state overrides are not supported by this devnet")
        env, root, call = self._call(tx, block)
        return hex(self._node.evm.estimate(env, root, call))

    # ---- fees and sending ----------------------------------------------------------------------------------

    def eth_gasPrice(self) -> str:
        return hex(self._node.pending_env().base_fee_wei + TIP_WEI)

    def eth_maxPriorityFeePerGas(self) -> str:
        return hex(TIP_WEI)

    def eth_feeHistory(self, count: Any, newest: Any, percentiles: Any = None) -> Json:
        last = int(params.state_block(self._ledger, newest).header.block_number)
        first = max(0, last + 1 - min(params.quantity(count, "block count"), MAX_FEE_HISTORY))
        headers = [sealed.header for sealed in self._ledger.blocks[first : last + 1]]
        after = self._ledger.at(last + 1)
        next_fee = after.header.base_fee_per_gas if after else self._node.pending_env().base_fee_wei
        history: Json = {
            "oldestBlock": hex(first),
            "baseFeePerGas": [hex(header.base_fee_per_gas) for header in headers] + [hex(next_fee)],
            "gasUsedRatio": [header.gas_used / header.gas_limit for header in headers],
            "baseFeePerBlobGas": ["0x1"] * (len(headers) + 1),
            "blobGasUsedRatio": [0.0] * len(headers),
        }
        if percentiles:
            history["reward"] = [[hex(TIP_WEI)] * len(percentiles) for _ in headers]
        return history

    def eth_sendRawTransaction(self, raw: Any) -> str:
        tx = decode_transaction(params.data(raw, "transaction"))
        self._node.submit(tx)
        return hex_bytes(tx.hash)

    def eth_sendTransaction(self, *_: Any) -> str:
        raise RpcFault(
            -32601, "eth_sendTransaction: this node holds no keys; sign and use eth_sendRawTransaction"
        )

    # ---- helpers -------------------------------------------------------------------------------------------

    def _by_hash(self, block_hash: Any) -> SealedBlock | None:
        return self._ledger.by_hash(hex_bytes(params.data(block_hash, "block hash", 32)))

    def _height(self, block: Any) -> int:
        """Height that a range end names; heights above the head are allowed, as on other nodes."""
        if isinstance(block, (str, int)) and block not in (
            "latest",
            "pending",
            "earliest",
            "safe",
            "finalized",
        ):
            return params.quantity(block, "block")
        return int(params.state_block(self._ledger, block).header.block_number)

    def _state(self, block: Any) -> Any:
        return self._node.state_at(params.state_block(self._ledger, block))

    def _call(self, tx: Any, block: Any) -> tuple[BlockEnv, bytes, CallTx]:
        sealed = params.state_block(self._ledger, block)
        # "pending" runs in the next block's environment, where a transaction sent now would run.
        env = self._node.pending_env() if block == "pending" else self._node.env_of(sealed)
        return env, sealed.state_root, params.call_tx(tx, env.gas_limit)


def _block(sealed: SealedBlock | None, full: bool) -> Json | None:
    if sealed is None:
        return None
    return {**sealed.block, "transactions": sealed.txs} if full else sealed.block


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 66
