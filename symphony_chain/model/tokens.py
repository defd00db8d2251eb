"""Coins and tokens outside the market, as far as its model needs them: who holds what, and what a transfer really delivers.

Native coins are one token among others here; senders of native value are taken to have it. Knows no tasks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from symphony_chain.model.context import ModelRevert
from symphony_chain.types import NATIVE

#: The market itself, as a holder.
MARKET_HOLDER = "market"


class Tokens:
    """Holdings by (token, holder).

    Args:
        accepts: whether an address takes native coins sent to it (a contract may refuse).
        fee_bps: what a token keeps of every transfer, by token; 0 where absent.
    """

    def __init__(
        self, accepts: Callable[[str], bool] = lambda address: True, fee_bps: dict[str, int] | None = None
    ) -> None:
        self.accepts = accepts
        self.fee_bps = dict(fee_bps or {})
        self.holdings_wei: dict[tuple[str, str], int] = defaultdict(int)

    def held_wei(self, token: str = NATIVE) -> int:
        """What the market holds."""
        return self.holdings_wei[token, MARKET_HOLDER]

    def mint(self, token: str, holder: str, amount_wei: int) -> None:
        self.holdings_wei[token, holder] += amount_wei

    def receive_value(self, sender: str, amount_wei: int) -> None:
        """Native coins that came with a call."""
        self.holdings_wei[NATIVE, MARKET_HOLDER] += amount_wei

    def would_receive(self, token: str, sender: str, amount_wei: int) -> int:
        """What `pull` would deliver."""
        if self.holdings_wei[token, sender] < amount_wei:
            raise ModelRevert("TransferFromFailed")
        return amount_wei - amount_wei * self.fee_bps.get(token, 0) // 10_000

    def pull(self, token: str, sender: str, amount_wei: int) -> None:
        """transferFrom the sender to the market, which has approved everything."""
        received_wei = self.would_receive(token, sender, amount_wei)
        self.holdings_wei[token, sender] -= amount_wei
        self.holdings_wei[token, MARKET_HOLDER] += received_wei

    def push(self, token: str, to: str, amount_wei: int) -> None:
        """Money out of the market."""
        if token == NATIVE and not self.accepts(to):
            raise ModelRevert("ETHTransferFailed")
        if self.holdings_wei[token, MARKET_HOLDER] < amount_wei:
            raise ModelRevert("ETHTransferFailed" if token == NATIVE else "TransferFailed")
        self.holdings_wei[token, MARKET_HOLDER] -= amount_wei
        self.holdings_wei[token, to] += amount_wei - amount_wei * self.fee_bps.get(token, 0) // 10_000
