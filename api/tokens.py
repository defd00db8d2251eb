"""What a token is called and how many decimals it has: asked of the node once, remembered. A symbol is foreign text.

Amounts in tokens that say neither are shown in raw units.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from eth_abi import abi as eth_abi
from eth_abi.exceptions import DecodingError

from symphony_chain.errors import ChainUnavailable, SymphonyError
from symphony_chain.rpc import Rpc
from symphony_chain.types import NATIVE

MAX_DECIMALS = 36
MAX_SYMBOL_CHARS = 32
MAX_TOKENS = 1024
RETRY_S = 30.0
_SYMBOL, _DECIMALS = bytes.fromhex("95d89b41"), bytes.fromhex("313ce567")


@dataclass(frozen=True)
class Token:
    """A currency of the market; `symbol` and `decimals` are None where the token (or the node) does not say."""

    address: str
    symbol: str | None
    decimals: int | None

    @property
    def is_native(self) -> bool:
        """Whether it is the chain's own coin."""
        return self.address == NATIVE


COIN = Token(NATIVE, "ETH", 18)


class Tokens:
    """Names of tokens on one chain. Never raises: what cannot be known is None, and asked again after a while."""

    def __init__(self, rpc: Rpc, monotonic: Callable[[], float]) -> None:
        self._rpc = rpc
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[Token, float]] = OrderedDict()  # address → (token, good until)

    def get(self, address: str) -> Token:
        """The token at a checksummed address."""
        if address == NATIVE:
            return COIN
        with self._lock:
            found = self._known.get(address)
        if found is not None and self._monotonic() < found[1]:
            return found[0]
        token, lasts_s = self._ask(address)
        with self._lock:
            self._known[address] = (token, self._monotonic() + lasts_s)
            self._known.move_to_end(address)
            while len(self._known) > MAX_TOKENS:
                self._known.popitem(last=False)
        return token

    def _ask(self, address: str) -> tuple[Token, float]:
        try:
            return Token(address, _symbol(self._call(address, _SYMBOL)), _decimals(self._call(address, _DECIMALS))), float("inf")
        except ChainUnavailable:
            return Token(address, None, None), RETRY_S

    def _call(self, address: str, data: bytes) -> bytes:
        try:
            return self._rpc.eth_call(address, data)
        except ChainUnavailable:
            raise
        except SymphonyError:  # it has no such function
            return b""


def _symbol(data: bytes) -> str | None:
    """A string, or the bytes32 of the oldest tokens."""
    try:
        text = data.rstrip(b"\0").decode() if len(data) == 32 else str(eth_abi.decode(["string"], data)[0])
    except (DecodingError, UnicodeDecodeError, OverflowError):
        return None
    return text[:MAX_SYMBOL_CHARS] or None


def _decimals(data: bytes) -> int | None:
    value = int.from_bytes(data, "big") if len(data) == 32 else MAX_DECIMALS + 1
    return value if value <= MAX_DECIMALS else None
