"""The canonical deterministic deployment factory: same address and code on every chain, so CREATE2 gives the
same contract addresses everywhere (github.com/Arachnid/deterministic-deployment-proxy).

Its calldata is a 32-byte salt followed by init code; it answers with the 20-byte address. Does not know what
is deployed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symphony_chain.errors import Conflict, RpcError

if TYPE_CHECKING:
    from symphony_chain.rpc import Rpc

FACTORY_ADDRESS = "0x4e59b44847b379578588920cA78FbF26c0B4956C"
FACTORY_RUNTIME = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe0"
    "3601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
)
#: The signer of FACTORY_RAW_TX: nobody's key, its signature was made up ("Nick's method").
FACTORY_SIGNER = "0x3fAB184622Dc19b6109349B94811493BF2a45362"
FACTORY_COST_WEI = 10**16  # 100,000 gas at the fixed 100 gwei
#: Legacy transaction without a chain id, valid on every chain.
FACTORY_RAW_TX = bytes.fromhex(
    "f8a58085174876e800830186a08080b853604580600e600039806000f350fe"
    + FACTORY_RUNTIME.hex()
    + "1ba0"
    + "22" * 32
    + "a0"
    + "22" * 32
)


def ensure_factory(rpc: Rpc) -> None:
    """Installs the factory if the chain lacks it.

    Devnets get the code written; elsewhere the well-known transaction is broadcast, which needs
    FACTORY_COST_WEI on FACTORY_SIGNER (Conflict ``factory.unfunded`` otherwise). Returns once broadcast; the
    caller waits for the code.
    """
    if rpc.get_code(FACTORY_ADDRESS) == FACTORY_RUNTIME:
        return
    try:
        rpc.call("hardhat_setCode", FACTORY_ADDRESS, "0x" + FACTORY_RUNTIME.hex())
        return
    except RpcError:
        pass  # not a devnet
    if rpc.get_balance(FACTORY_SIGNER) < FACTORY_COST_WEI:
        raise Conflict(
            "this chain has no deterministic deployment factory and its signer has no funds",
            code="factory.unfunded",
            hint=f"Send 0.01 ether to {FACTORY_SIGNER}, then try again.",
        )
    rpc.send_raw(FACTORY_RAW_TX)
