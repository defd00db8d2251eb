"""Brings an ERC-20 into the market's books before a task is escrowed: what is missing there, no more.

Every step is named by the task, so that neither a restart nor an unknown outcome sends it twice. Native coins come with the post
itself. Knows no journal of tasks.
"""

from __future__ import annotations

from agent_runtime.outbox import Outbox, Write
from symphony_chain.erc20 import Erc20, encode_approve
from symphony_chain.errors import Conflict
from symphony_chain.market import MarketClient, encode_deposit
from symphony_chain.rpc import Rpc
from symphony_chain.types import Task


class Depositor:
    """Deposits for one account, one task at a time: two approvals of one token would replace each other."""

    def __init__(self, outbox: Outbox, rpc: Rpc, market: MarketClient) -> None:
        self._outbox = outbox
        self._rpc = rpc
        self._market = market

    def step(self, task_id: bytes, task: Task, head_number: int) -> Write:
        """Where the deposit for a task stands; ``mined``: its escrow is there.

        Raises:
            Conflict ``tx.too_few_tokens``: the account has less. Conflict ``tx.deposit_short``: less arrived than was sent.
            NotFound ``token.none``: no token there.
        """
        account, market = self._outbox.address, self._market.address
        missing = task.escrow_wei - self._market.balance(account, task.token)
        if missing <= 0:
            return Write("mined")
        token, key = Erc20(self._rpc, task.token), f"deposit/{task_id.hex()}"
        if not self._outbox.is_out(key):
            allowed = self._allow(token, missing, task_id, head_number)
            if allowed.status != "mined":
                return allowed
        data = encode_deposit(account, missing, task.token)
        write = self._outbox.write("deposit", key, market, data, head_number=head_number)
        if write.status == "mined" and self._market.balance(account, task.token) < task.escrow_wei:
            raise Conflict(
                f"the market still lacks {missing} units of {task.token} after the deposit",
                hint="the token keeps a part of what is sent: pay in another one; what arrived is in your balance",
                code="tx.deposit_short",
                missing=str(missing),
            )
        return write

    def _allow(self, token: Erc20, amount: int, task_id: bytes, head_number: int) -> Write:
        """Lets the market take the amount."""
        account, market = self._outbox.address, self._market.address
        if (have := token.balance(account)) < amount:
            raise Conflict(
                f"{account} has {have} units of {token.address} and needs {amount} more in the market",
                hint=f"send {amount - have} units of the token to {account}",
                code="tx.too_few_tokens",
                have=str(have),
                missing=str(amount),
            )
        if (allowed := token.allowance(account, market)) >= amount:
            return Write("mined")
        key = f"approve/{task_id.hex()}"
        if allowed and not self._outbox.is_out(key):  # some tokens refuse to change an allowance that is not zero
            reset = self._outbox.write("approve", f"{key}/0", token.address, encode_approve(market, 0), head_number=head_number)
            if reset.status != "mined":
                return reset
        return self._outbox.write("approve", key, token.address, encode_approve(market, amount), head_number=head_number)
