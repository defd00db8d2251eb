"""The market's own words as Python values: Task, Bid, State, Skip, as in `contracts/interfaces/ITaskMarket.sol`.

Times are unix seconds of block time, money is wei (int), shares are basis points. Knows nothing of encodings or RPC.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from enum import IntEnum
from typing import Any

ZERO_ADDRESS = "0x0000000000000000000000000000000000000000"
NATIVE = ZERO_ADDRESS  # the token of native coins
MAX_SEATS = 16
MAX_BIDS = 32
MAX_INLINE_ANSWER = 256


class State(IntEnum):
    """Life of a task; Open, Awarded and Revealing change with block time alone."""

    NONE = 0
    OPEN = 1
    UNAWARDED = 2
    AWARDED = 3
    REVEALING = 4
    CLOSING = 5
    SETTLED = 6
    INCONCLUSIVE = 7
    VOID = 8
    EXPIRED = 9
    CANCELLED = 10

    @property
    def is_final(self) -> bool:
        return self >= State.SETTLED


class Skip(IntEnum):
    """Why `award` passed over a bid."""

    NONE = 0
    UNKNOWN_AGENT = 1
    BID_EXPIRED = 2
    PRICE_ABOVE_CEILING = 3
    MATCH_TOO_LOW = 4
    OWNER_SEATED = 5
    BOND_UNFUNDED = 6
    BAD_SIGNATURE = 7


@dataclass(frozen=True, slots=True)
class Task:
    """A task's parameters; its EIP-712 digest is its id. Addresses are checksummed, digests are bytes(32)."""

    requester: str
    router: str
    token: str
    ceiling_wei: int
    base_bps: int
    bond_wei: int
    kind: int
    page_id: bytes
    requirement: int
    min_match_bps: int
    k: int
    min_seats: int
    quorum_bps: int
    bid_end_s: int
    commit_end_s: int
    reveal_window_s: int
    evaluator: str
    evaluation_window_s: int
    evaluation_fee_wei: int
    shared_bps: int
    parent: bytes
    header: bytes
    salt: bytes

    @property
    def reveal_end_s(self) -> int:
        return self.commit_end_s + self.reveal_window_s

    @property
    def escrow_wei(self) -> int:
        return self.ceiling_wei * self.k

    def as_tuple(self) -> tuple[Any, ...]:
        """The 23 values in ABI order."""
        return astuple(self)

    @classmethod
    def from_tuple(cls, values: tuple[Any, ...]) -> Task:
        return cls(*values)

    def as_json(self) -> dict[str, Any]:
        """JSON form: digests and the requirement as 0x-hex, wei as decimal strings, names as in Solidity."""
        out: dict[str, Any] = {}
        for name, value in zip(SOLIDITY_NAMES, self.as_tuple(), strict=True):
            if isinstance(value, bytes):
                out[name] = "0x" + value.hex()
            elif name == "requirement":
                out[name] = f"0x{value:064x}"
            elif name in _WEI:
                out[name] = str(value)
            else:
                out[name] = value
        return out

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Task:
        """Inverse of `as_json`.

        Raises:
            KeyError, ValueError, TypeError: a field is missing or malformed.
        """
        values: list[Any] = []
        for name, field in zip(SOLIDITY_NAMES, fields(cls), strict=True):
            raw = value[name]
            if field.type == "bytes":
                values.append(bytes.fromhex(raw.removeprefix("0x")))
            elif name == "requirement":
                values.append(int(raw, 16))
            elif field.type == "int":
                values.append(int(raw))
            else:
                values.append(raw)
        return cls(*values)


#: Names of the fields in Solidity and in EIP-712, in ABI order.
SOLIDITY_NAMES: tuple[str, ...] = (
    "requester", "router", "token", "ceiling", "baseBps", "bond", "kind", "pageId", "requirement", "minMatchBps", "k",
    "minSeats", "quorumBps", "bidEnd", "commitEnd", "revealWindow", "evaluator", "evaluationWindow", "evaluationFee",
    "sharedBps", "parent", "header", "salt",
)  # fmt: skip
_WEI = frozenset({"ceiling", "bond", "evaluationFee"})


@dataclass(frozen=True, slots=True)
class Bid:
    """An agent's offer for one task: an EIP-712 message of its wallet, as published and as awarded."""

    agent_id: int
    price_wei: int
    confidence_bps: int
    expiry_s: int
    signature: bytes = b""

    def as_tuple(self) -> tuple[int, int, int, int, bytes]:
        return (self.agent_id, self.price_wei, self.confidence_bps, self.expiry_s, self.signature)


@dataclass(frozen=True, slots=True)
class SeatAward:
    """One seat as `TaskAwarded` packs it."""

    seat: int
    agent_id: int
    wallet: str
    weight: int


@dataclass(frozen=True, slots=True)
class SeatResult:
    """One seat as `TaskSettled` packs it; `earned` is the agent's whole earned word after the task."""

    seat: int
    agent_id: int
    score_bps: int
    revealed: bool
    scored: bool
    pay_wei: int
    bond_returned_wei: int
    earned: int
