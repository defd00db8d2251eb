"""Typed client of TaskMarket: views over RPC, and calldata for every step. Sends nothing itself (see `tx`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from symphony_chain.abi import MARKET, decode_output, encode
from symphony_chain.rpc import BlockId, Rpc
from symphony_chain.types import NATIVE, Bid, State, Task


@dataclass(frozen=True, slots=True)
class Head:
    """A task's word: zeros before award (price, seats) and after closing."""

    price_wei: int
    seats: int
    bid_end_s: int
    commit_end_s: int
    reveal_end_s: int


@dataclass(frozen=True, slots=True)
class AgentAccount:
    """Money and counters of an agent in one token."""

    accrued_wei: int
    seats: int
    won: int
    no_shows: int


class MarketClient:
    """Reads of one market at `block` (default latest). All raise ChainUnavailable when the node is away."""

    def __init__(self, rpc: Rpc, address: str) -> None:
        self.rpc = rpc
        self.address = address

    def _read(self, block: BlockId, name: str, *args: Any) -> tuple[Any, ...]:
        return decode_output(MARKET, name, self.rpc.eth_call(self.address, encode(MARKET, name, *args), block))

    def state(self, task_id: bytes, block: BlockId = "latest") -> State:
        return State(self._read(block, "stateOf", task_id)[0])

    def head(self, task_id: bytes, block: BlockId = "latest") -> Head:
        return Head(*self._read(block, "headOf", task_id))

    def seat(self, task_id: bytes, seat: int, block: BlockId = "latest") -> int:
        """Raw seat word; its layout is drawn in `contracts/libraries/Words.sol`."""
        word: int = self._read(block, "seatOf", task_id, seat)[0]
        return word

    def balance(self, account: str, token: str = NATIVE, block: BlockId = "latest") -> int:
        """Internal balance in wei."""
        amount: int = self._read(block, "balanceOf", account, token)[0]
        return amount

    def account(self, agent_id: int, token: str = NATIVE, block: BlockId = "latest") -> AgentAccount:
        return AgentAccount(*self._read(block, "accountOf", agent_id, token))

    def earned(self, agent_id: int, page_id: bytes, block: BlockId = "latest") -> int:
        word: int = self._read(block, "earnedOf", agent_id, page_id)[0]
        return word

    def burnt(self, token: str = NATIVE, block: BlockId = "latest") -> int:
        amount: int = self._read(block, "burntOf", token)[0]
        return amount

    def nonce(self, account: str, block: BlockId = "latest") -> int:
        """Next nonce for a signed claim or withdrawal."""
        value: int = self._read(block, "nonces", account)[0]
        return value

    def min_window_s(self) -> int:
        value: int = self._read("latest", "MIN_WINDOW")[0]
        return value


def encode_post(task: Task, signature: bytes = b"") -> bytes:
    return encode(MARKET, "post", task.as_tuple(), signature)


def encode_deposit_and_post(task: Task) -> bytes:
    return encode(MARKET, "depositAndPost", task.as_tuple())


def encode_cancel(task: Task, signature: bytes = b"") -> bytes:
    return encode(MARKET, "cancel", task.as_tuple(), signature)


def encode_bid(task_id: bytes, bid: Bid) -> bytes:
    return encode(MARKET, "bid", task_id, bid.as_tuple())


def encode_award(task: Task, bids: Sequence[Bid], signature: bytes = b"") -> bytes:
    return encode(MARKET, "award", task.as_tuple(), [b.as_tuple() for b in bids], signature)


def encode_commit(task_id: bytes, seat: int, commitment: bytes, signature: bytes = b"") -> bytes:
    return encode(MARKET, "commit", task_id, seat, commitment, signature)


def encode_reveal(
    task_id: bytes, seat: int, answer_digest: bytes, evidence_digest: bytes, salt: bytes, answer: bytes = b""
) -> bytes:
    return encode(MARKET, "reveal", task_id, seat, answer_digest, evidence_digest, salt, answer)


def encode_settle(task: Task) -> bytes:
    return encode(MARKET, "settle", task.as_tuple())


def encode_deposit(account: str) -> bytes:
    return encode(MARKET, "deposit", account)


def encode_fund_agent(agent_id: int) -> bytes:
    return encode(MARKET, "fundAgent", agent_id)


def encode_claim(agent_id: int, to: str, token: str = NATIVE, deadline_s: int = 0, signature: bytes = b"") -> bytes:
    return encode(MARKET, "claim", agent_id, token, to, deadline_s, signature)


def encode_withdraw(
    account: str, to: str, amount_wei: int, token: str = NATIVE, deadline_s: int = 0, signature: bytes = b""
) -> bytes:
    return encode(MARKET, "withdraw", account, token, to, amount_wei, deadline_s, signature)


def encode_multicall(calls: Sequence[bytes]) -> bytes:
    return encode(MARKET, "multicall", list(calls))
