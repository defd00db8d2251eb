"""The few calls of an ERC-20 that escrow needs. What a token answers is a stranger's word. Knows no market."""

from __future__ import annotations

from eth_abi import abi as eth_abi
from eth_abi.exceptions import DecodingError

from symphony_chain.errors import ContractError, NotFound
from symphony_chain.rpc import Rpc

_BALANCE_OF = bytes.fromhex("70a08231")  # balanceOf(address)
_ALLOWANCE = bytes.fromhex("dd62ed3e")  # allowance(address,address)
_APPROVE = bytes.fromhex("095ea7b3")  # approve(address,uint256)


def encode_approve(spender: str, amount: int) -> bytes:
    """Lets ``spender`` take that many of the sender's smallest units."""
    return _APPROVE + eth_abi.encode(["address", "uint256"], [spender, amount])


class Erc20:
    """One token, read at the node's latest block; amounts are its smallest units.

    Raises (all reads): NotFound ``token.none``: no contract there that answers as a token does.
    """

    def __init__(self, rpc: Rpc, address: str) -> None:
        self._rpc = rpc
        self.address = address

    def balance(self, account: str) -> int:
        """What an account holds."""
        return self._number(_BALANCE_OF + eth_abi.encode(["address"], [account]))

    def allowance(self, account: str, spender: str) -> int:
        """What ``spender`` may take of an account."""
        return self._number(_ALLOWANCE + eth_abi.encode(["address", "address"], [account, spender]))

    def _number(self, data: bytes) -> int:
        try:
            answer = self._rpc.eth_call(self.address, data)
            return int(eth_abi.decode(["uint256"], answer)[0])
        except (ContractError, DecodingError) as error:
            raise NotFound(
                f"{self.address} does not answer as a token",
                hint="give the address of an ERC-20 on this chain",
                code="token.none",
            ) from error
