"""What the chain tests share: an in-process pyevm node behind an ``Rpc``, a hand-assembled contract, signing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
from eth_account import Account
from eth_account.signers.local import LocalAccount

from symphony_chain.devnet.accounts import DEVNET_ACCOUNTS, DEVNET_CHAIN_ID
from symphony_chain.devnet.pyevm.dev_methods import DevMethods
from symphony_chain.devnet.pyevm.methods import EthMethods
from symphony_chain.devnet.pyevm.node import Node
from symphony_chain.devnet.pyevm.server import Dispatcher
from symphony_chain.rpc import Rpc

URL = "http://127.0.0.1:8545"
ALICE: LocalAccount = Account.from_key(DEVNET_ACCOUNTS[0][1])
BOB: LocalAccount = Account.from_key(DEVNET_ACCOUNTS[1][1])
GWEI = 10**9

# Empty calldata: revert with 0xdeadbeef. Else: slot 0 += 1, LOG2(topic0 = first word, topic1 = caller, data = first
# word), return the new count.
COUNTER_RUNTIME = bytes.fromhex(
    "3660145763deadbeef60e01b60005260046000fd5b600054600101806000556000356000523360003560206000a260005260206000f3"
)
COUNTER_INIT = bytes.fromhex(f"60{len(COUNTER_RUNTIME):02x}8060093d393df3") + COUNTER_RUNTIME
REVERT_DATA = bytes.fromhex("deadbeef")


def word(value: int) -> bytes:
    """A 32-byte word."""
    return value.to_bytes(32, "big")


def sign(account: LocalAccount, nonce: int, to: str | None, data: bytes = b"", **fields: Any) -> bytes:
    """A signed type-2 transaction."""
    tx: dict[str, Any] = {
        "type": 2,
        "chainId": DEVNET_CHAIN_ID,
        "nonce": nonce,
        "to": to or "",
        "data": data,
        "value": 0,
        "gas": 200_000,
        "maxFeePerGas": 10 * GWEI,
        "maxPriorityFeePerGas": GWEI,
    }
    return bytes(account.sign_transaction(tx | fields).raw_transaction)


@dataclass
class TinyChain:
    """A node without a process, and a client that talks to it."""

    node: Node
    rpc: Rpc
    clock: list[float]
    dispatcher: Dispatcher

    def deploy_counter(self, account: LocalAccount = ALICE) -> str:
        """Deploys the counter; the node must automine or be mined by the caller."""
        tx_hash = self.rpc.send_raw(sign(account, self.rpc.get_nonce(account.address), None, COUNTER_INIT))
        receipt = self.rpc.get_receipt(tx_hash)
        if receipt is None:
            self.node.mine()
            receipt = self.rpc.get_receipt(tx_hash)
        assert receipt is not None and receipt.contract_address is not None
        return receipt.contract_address


def tiny_chain(
    block_time_s: float = 0.0,
    salt: bytes = b"\x01" * 32,
    intercept: Callable[[bytes], None] = lambda _: None,
    without: tuple[str, ...] = (),
) -> TinyChain:
    """A chain whose wall clock is ``clock[0]``.

    ``intercept`` sees each request body and may raise httpx errors; methods in ``without`` do not exist.
    """
    clock = [1_700_000_000.0]
    node = Node(block_time_s=block_time_s, salt=salt, wall=lambda: clock[0])
    table = EthMethods(node).table() | DevMethods(node).table()
    dispatcher = Dispatcher({name: method for name, method in table.items() if name not in without})

    def answer(request: httpx.Request) -> httpx.Response:
        intercept(request.content)
        return httpx.Response(200, content=dispatcher.answer(request.content))

    return TinyChain(node, Rpc(URL, transport=httpx.MockTransport(answer), sleep=lambda _: None), clock, dispatcher)
