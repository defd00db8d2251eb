"""The ``evm_*``, ``hardhat_*`` and ``anvil_*`` methods that tests steer a devnet with. Knows no HTTP."""

from __future__ import annotations

from typing import Any

from eth.vm.forks.prague.state import PragueState
from eth_typing import Address

from symphony_chain.devnet.pyevm import params
from symphony_chain.devnet.pyevm.methods import Method
from symphony_chain.devnet.pyevm.node import Node

MAX_BLOCKS_PER_CALL = 10_000


class DevMethods:
    """Mining, time, snapshots, reorgs and state edits over one node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def table(self) -> dict[str, Method]:
        """Method name to function; the aliases are those that anvil answers to."""
        table: dict[str, Method] = {
            "evm_mine": self.evm_mine,
            "evm_increaseTime": lambda seconds: self._node.increase_time(params.quantity(seconds, "seconds")),
            "evm_setNextBlockTimestamp": lambda at: self._node.set_next_timestamp(
                params.quantity(at, "timestamp")
            ),
            "evm_setAutomine": self.set_automine,
            "evm_setIntervalMining": self.set_interval,
            "evm_snapshot": lambda: hex(self._node.snapshot()),
            "evm_revert": lambda snapshot: self._node.revert(params.quantity(snapshot, "snapshot id")),
            "anvil_reorg": self.reorg,
        }
        for prefix in ("hardhat_", "anvil_"):
            table[prefix + "mine"] = self.mine_many
            table[prefix + "setBalance"] = self.set_balance
            table[prefix + "setCode"] = self.set_code
            table[prefix + "dropTransaction"] = self.drop_transaction
        return table

    def evm_mine(self, timestamp: Any = None) -> str:
        """One block, at a timestamp if given (a number, or anvil's {timestamp})."""
        if isinstance(timestamp, dict):
            timestamp = timestamp.get("timestamp")
        self._node.mine(None if timestamp is None else params.quantity(timestamp, "timestamp"))
        return "0x0"

    def mine_many(self, blocks: Any = 1, interval_s: Any = None) -> None:
        """Many blocks, ``interval_s`` seconds of chain time apart if given."""
        count = params.quantity(blocks, "blocks")
        if count > MAX_BLOCKS_PER_CALL:
            raise params.bad(f"at most {MAX_BLOCKS_PER_CALL} blocks per call")
        step_s = None if interval_s is None else params.quantity(interval_s, "interval")
        for index in range(count):
            head = self._node.ledger.head.header.timestamp
            self._node.mine(head + step_s if step_s and index else None)

    def set_automine(self, enabled: Any) -> None:
        """Whether every transaction is mined at once."""
        self._node.automine = bool(enabled)

    def set_interval(self, seconds: Any) -> None:
        """Seconds between blocks; 0 switches interval mining off."""
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds < 0:
            raise params.bad(f"interval: expected seconds, got {seconds!r}")
        self._node.set_interval(float(seconds))

    def reorg(self, depth: Any, transactions: Any = ()) -> None:
        """anvil_reorg without replacement transactions."""
        if transactions:
            raise params.bad("this devnet reorganises to empty blocks only; send transactions afterwards")
        self._node.reorg(params.quantity(depth, "depth"))

    def set_balance(self, address: Any, balance: Any) -> None:
        """Sets a balance in wei."""
        account, balance_wei = Address(params.address(address)), params.quantity(balance, "balance")

        def edit(state: PragueState) -> None:
            state.set_balance(account, balance_wei)

        self._node.edit_head(edit)

    def set_code(self, address: Any, code: Any) -> None:
        """Puts runtime code at an address."""
        account, runtime = Address(params.address(address)), params.data(code, "code")

        def edit(state: PragueState) -> None:
            state.set_code(account, runtime)

        self._node.edit_head(edit)

    def drop_transaction(self, tx_hash: Any) -> str | None:
        """Removes a waiting transaction; returns its hash, or None if none waits."""
        tx = self._node.pool.get(params.data(tx_hash, "transaction hash", 32))
        if tx is None:
            return None
        self._node.pool.remove(tx)
        return str(tx_hash)
