"""Local chains to develop and test on: pyevm (embedded), anvil, Hardhat; one way to start, use and stop them
all.
"""

from __future__ import annotations

from symphony_chain.devnet.accounts import (
    DEVNET_ACCOUNTS,
    DEVNET_BALANCE_WEI,
    DEVNET_CHAIN_ID,
    DEVNET_MNEMONIC,
    require_devnet,
)
from symphony_chain.devnet.factory import FACTORY_ADDRESS, FACTORY_RUNTIME, ensure_factory
from symphony_chain.devnet.launch import Devnet, available_kinds, start_devnet

__all__ = [
    "DEVNET_ACCOUNTS",
    "DEVNET_BALANCE_WEI",
    "DEVNET_CHAIN_ID",
    "DEVNET_MNEMONIC",
    "FACTORY_ADDRESS",
    "FACTORY_RUNTIME",
    "Devnet",
    "available_kinds",
    "ensure_factory",
    "require_devnet",
    "start_devnet",
]
