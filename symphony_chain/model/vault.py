"""Model of `contracts/Vault.sol`, the market's money door: what comes in, what is whose, what goes out. Knows no seats."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from symphony_chain.events import AgentFunded, Deposited, Event, PayClaimed, Withdrawn
from symphony_chain.model.context import Call, ModelRevert
from symphony_chain.model.registry import RegistryModel
from symphony_chain.model.tokens import Tokens
from symphony_chain.types import NATIVE, ZERO_ADDRESS, Task

#: No account of a token ever takes in 2¹²⁰ units.
MAX_AMOUNT = 1 << 120


@dataclass(slots=True)
class Account:
    """An agent's money and counters in one token."""

    accrued_wei: int = 0
    seats: int = 0
    won: int = 0
    no_shows: int = 0


class VaultModel:
    """Internal balances by (account, token), agents' accounts by (agent, token), and the money behind them.

    Args:
        registry: the model of the registry that says who owns an agent.
        tokens: who holds coins and tokens outside; the market is the holder "market" there.
    """

    def __init__(self, registry: RegistryModel, tokens: Tokens | None = None) -> None:
        self.registry = registry
        self.tokens = tokens or Tokens()
        self.balances: dict[tuple[str, str], int] = defaultdict(int)
        self.accounts: dict[tuple[int, str], Account] = defaultdict(Account)
        self.nonces: dict[str, int] = defaultdict(int)
        self.events: list[Event] = []

    def deposit(self, call: Call, account: str, token: str, amount_wei: int) -> None:
        if account == ZERO_ADDRESS:
            raise ModelRevert("ZeroAddress")
        have_wei = self.balances[account, token]
        received_wei = self._take(call, token, amount_wei, have_wei)
        self.balances[account, token] = have_wei + received_wei
        self.events.append(Deposited(account, token, received_wei, call.sender))

    def fund_agent(self, call: Call, agent_id: int, token: str, amount_wei: int) -> None:
        if self.registry.owner_and_wallet(agent_id)[0] == ZERO_ADDRESS:
            raise ModelRevert("UnknownAgent", agentId=agent_id)
        account = self.accounts[agent_id, token]
        received_wei = self._take(call, token, amount_wei, account.accrued_wei)
        account.accrued_wei += received_wei
        self.events.append(AgentFunded(agent_id, token, received_wei, call.sender))

    def withdraw(
        self, call: Call, account: str, token: str, to: str, amount_wei: int, deadline_s: int = 0
    ) -> None:
        """`call.signer` signed (account, token, to, amount, the account's current nonce, deadline)."""
        if call.signer is None:
            if call.sender != account:
                raise ModelRevert("NotAuthorized", caller=call.sender, expected=account)
        else:
            if call.now_s > deadline_s:
                raise ModelRevert("SignatureExpired", deadline=deadline_s)
            if call.signer != account or account == ZERO_ADDRESS:
                raise ModelRevert("BadSignature", expected=account)
        have_wei = self.balances[account, token]
        if have_wei < amount_wei:
            raise ModelRevert(
                "InsufficientBalance", account=account, token=token, have=have_wei, want=amount_wei
            )
        self._give(token, to, amount_wei)
        self.balances[account, token] -= amount_wei
        if call.signer is not None:
            self.nonces[account] += 1
        self.events.append(Withdrawn(account, token, to, amount_wei))

    def claim(self, call: Call, agent_id: int, token: str, to: str, deadline_s: int = 0) -> None:
        """`call.signer` signed (agent, token, to, its own current nonce, deadline); owner or wallet may."""
        owner, wallet = self.registry.owner_and_wallet(agent_id)
        if owner == ZERO_ADDRESS:
            raise ModelRevert("UnknownAgent", agentId=agent_id)
        by = call.sender
        if call.signer is not None:
            if call.now_s > deadline_s:
                raise ModelRevert("SignatureExpired", deadline=deadline_s)
            by = call.signer
            if by not in (owner, wallet):
                raise ModelRevert("BadSignature", expected=owner)
        if by != owner:
            if by != wallet:
                raise ModelRevert("NotAuthorized", caller=by, expected=owner)
            if to != owner:
                raise ModelRevert("WalletMayOnlyPayOwner", agentId=agent_id, owner=owner)
        amount_wei = self.accounts[agent_id, token].accrued_wei
        if amount_wei == 0:
            raise ModelRevert("NothingToClaim", agentId=agent_id, token=token)
        self._give(token, to, amount_wei)
        self.accounts[agent_id, token].accrued_wei = 0
        if call.signer is not None:
            self.nonces[by] += 1
        self.events.append(PayClaimed(agent_id, token, to, amount_wei))

    def _take(self, call: Call, token: str, amount_wei: int, have_wei: int) -> int:
        """Money from the caller; what really came, refused where the account would grow too large."""
        if token == NATIVE:
            if call.value_wei != amount_wei:
                raise ModelRevert("AmountMismatch", value=call.value_wei, amount=amount_wei)
            received_wei = amount_wei
        else:
            if call.value_wei:
                raise ModelRevert("AmountMismatch", value=call.value_wei, amount=0)
            received_wei = self.tokens.would_receive(token, call.sender, amount_wei)
        if have_wei + received_wei >= MAX_AMOUNT:
            raise ModelRevert("AmountTooLarge", amount=have_wei + received_wei)
        if token == NATIVE:
            self.tokens.receive_value(call.sender, amount_wei)
        else:
            self.tokens.pull(token, call.sender, amount_wei)
        return received_wei

    def _give(self, token: str, to: str, amount_wei: int) -> None:
        if to == ZERO_ADDRESS:
            raise ModelRevert("ZeroAddress")
        self.tokens.push(token, to, amount_wei)

    def _collect(self, call: Call, task: Task, amount_wei: int) -> None:
        """Takes the requester's money: coins that came along first, the balance for the rest; a surplus becomes balance."""
        if call.value_wei and task.token != NATIVE:
            raise ModelRevert("AmountMismatch", value=call.value_wei, amount=0)
        have_wei = self.balances[task.requester, task.token] + call.value_wei
        if have_wei < amount_wei and call.value_wei != amount_wei:
            raise ModelRevert(
                "InsufficientBalance",
                account=task.requester,
                token=task.token,
                have=have_wei,
                want=amount_wei,
            )
        self.tokens.receive_value(call.sender, call.value_wei)
        self.balances[task.requester, task.token] = have_wei - amount_wei

    def _authorize(self, call: Call, expected: str) -> None:
        if call.signer is None:
            if call.sender != expected:
                raise ModelRevert("NotAuthorized", caller=call.sender, expected=expected)
        elif call.signer != expected or expected == ZERO_ADDRESS:
            raise ModelRevert("BadSignature", expected=expected)
