"""Typed client of TaskMarket: views over RPC, and calldata for every step. Sends nothing itself (see `tx`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.address import to_checksum_address

from symphony_chain.abi import MARKET, PLANS, decode_output, encode
from symphony_chain.rpc import BlockId, Rpc
from symphony_chain.signing import scores_word
from symphony_chain.types import NATIVE, Bid, Opening, Receipt, State, Task


@dataclass(frozen=True, slots=True)
class Policy:
    """The constants that a market was deployed with."""

    min_window_s: int
    score_token: str
    score_min_wei: int
    score_burn_bps: int


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

    def head(self, task_id: bytes, block: BlockId = "latest") -> int:
        """Raw task word; its layout is drawn in `contracts/libraries/Words.sol`."""
        word: int = self._read(block, "headOf", task_id)[0]
        return word

    def receipt(self, task_id: bytes, block: BlockId = "latest") -> tuple[State, int, bytes]:
        """How a closed task ended, when (block time), and the 26 bytes of `types.receipt_digest`; State.NONE while it lives."""
        outcome, closed_at_s, digest = self._read(block, "receiptOf", task_id)
        return State(outcome), closed_at_s, digest[:26]

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

    def nonce(self, account: str, block: BlockId = "latest") -> int:
        """Next nonce for a signed claim or withdrawal."""
        value: int = self._read(block, "nonces", account)[0]
        return value

    def policy(self) -> Policy:
        """The deployment's constants."""
        names = ("MIN_WINDOW", "SCORE_TOKEN", "SCORE_MIN", "SCORE_BURN_BPS")
        window_s, token, least_wei, burn_bps = (self._read("latest", name)[0] for name in names)
        return Policy(window_s, str(to_checksum_address(token)), least_wei, burn_bps)


def encode_post(task: Task, signature: bytes = b"") -> bytes:
    """Send the escrow along as value, or have it in the requester's balance."""
    return encode(MARKET, "post", task.words(), signature)


def encode_hire(task: Task, bids: Sequence[Bid], signature: bytes = b"") -> bytes:
    """Post and award in one."""
    return encode(MARKET, "hire", task.words(), [b.words() for b in bids], signature)


def encode_cancel(task: Task, signature: bytes = b"") -> bytes:
    return encode(MARKET, "cancel", task.words(), signature)


def encode_bid(task_id: bytes, bid: Bid) -> bytes:
    return encode(MARKET, "bid", task_id, bid.words())


def encode_award(task: Task, bids: Sequence[Bid], signature: bytes = b"") -> bytes:
    return encode(MARKET, "award", task.words(), [b.words() for b in bids], signature)


def encode_take(task: Task, agent_id: int, signature: bytes = b"", deadline_s: int = 0) -> bytes:
    return encode(MARKET, "take", task.words(), agent_id, deadline_s, signature)


def encode_commit(task_id: bytes, seat: int, commitment: bytes, signature: bytes = b"") -> bytes:
    return encode(MARKET, "commit", task_id, seat, commitment, signature)


def encode_reveal(task_id: bytes, opening: Opening) -> bytes:
    return encode(MARKET, "reveal", task_id, opening.as_tuple())


def encode_reveal_and_settle(task: Task, openings: Sequence[Opening]) -> bytes:
    return encode(MARKET, "revealAndSettle", task.words(), [o.as_tuple() for o in openings])


def encode_reveal_plan(
    market: str,
    task: Task,
    opening: Opening,
    trace_digest: bytes,
    children: Sequence[bytes] = (),
    receipts: Sequence[Receipt] = (),
) -> bytes:
    """A call to `Plans`, not to the market: opens a plan whose evidence digest is `signing.plan_evidence`."""
    return encode(
        PLANS,
        "reveal",
        market,
        task.words(),
        opening.as_tuple(),
        trace_digest,
        list(children),
        [receipt.as_tuple() for receipt in receipts],
    )


def encode_evaluate(task: Task, scores_bps: Sequence[int], signature: bytes = b"") -> bytes:
    return encode(MARKET, "evaluate", task.words(), scores_word(scores_bps), signature)


def encode_settle(task: Task) -> bytes:
    return encode(MARKET, "settle", task.words())


def encode_deposit(account: str, amount_wei: int, token: str = NATIVE) -> bytes:
    """Send `amount_wei` along where the token is the native coin; approve the market for it otherwise."""
    return encode(MARKET, "deposit", account, token, amount_wei)


def encode_fund_agent(agent_id: int, amount_wei: int, token: str = NATIVE) -> bytes:
    """As `encode_deposit`, into an agent's account."""
    return encode(MARKET, "fundAgent", agent_id, token, amount_wei)


def encode_claim(agent_id: int, to: str, token: str = NATIVE, deadline_s: int = 0, signature: bytes = b"") -> bytes:
    return encode(MARKET, "claim", agent_id, token, to, deadline_s, signature)


def encode_withdraw(
    account: str, to: str, amount_wei: int, token: str = NATIVE, deadline_s: int = 0, signature: bytes = b""
) -> bytes:
    return encode(MARKET, "withdraw", account, token, to, amount_wei, deadline_s, signature)


def encode_multicall(calls: Sequence[bytes]) -> bytes:
    return encode(MARKET, "multicall", list(calls))
