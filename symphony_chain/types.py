"""The market's own words as Python values: Task, Bid, State, Skip, as in `contracts/interfaces/ITaskMarket.sol`.

Times are unix seconds of block time, money is wei (int), shares are basis points. Packed words as in `contracts/libraries`.
Knows nothing of calldata or RPC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from enum import IntEnum
from typing import Any

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from symphony_chain.errors import InvalidInput

ZERO_ADDRESS = "0x0000000000000000000000000000000000000000"
NATIVE = ZERO_ADDRESS  # the token of native coins
MAX_SEATS = 16
MAX_BIDS = 32
MAX_INLINE_ANSWER = 256


class State(IntEnum):
    """Life of a task; the live states change with block time alone."""

    NONE = 0
    OPEN = 1
    FREE = 2
    UNAWARDED = 3
    AWARDED = 4
    REVEALING = 5
    EVALUATING = 6
    CLOSING = 7
    SETTLED = 8
    INCONCLUSIVE = 9
    VOID = 10
    EXPIRED = 11
    CANCELLED = 12

    @property
    def is_final(self) -> bool:
        return self >= State.SETTLED


class Skip(IntEnum):
    """Why an agent got no seat."""

    NONE = 0
    UNKNOWN_AGENT = 1
    BID_EXPIRED = 2
    PRICE_ABOVE_CEILING = 3
    MATCH_TOO_LOW = 4
    OWNER_SEATED = 5
    BOND_UNFUNDED = 6
    BAD_SIGNATURE = 7


class Kind(IntEnum):
    """What a task asks for."""

    ANSWER = 0
    PLAN = 1
    EVALUATE = 2
    ROLLOUT = 3


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
    open: bool
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
    def evaluation_end_s(self) -> int:
        return self.reveal_end_s + self.evaluation_window_s

    @property
    def escrow_wei(self) -> int:
        """What the requester puts in: the ceiling of every seat, and the evaluator's fee."""
        return self.ceiling_wei * self.k + self.evaluation_fee_wei

    def as_tuple(self) -> tuple[Any, ...]:
        """The 24 values in the order of the EIP-712 type."""
        return astuple(self)

    def words(self) -> tuple[Any, ...]:
        """The ten words of calldata and events, as `contracts/libraries/Orders.sol` draws them.

        Raises:
            InvalidInput: a value does not fit its bits.
        """
        terms = _pack(
            (int(self.evaluator, 16), 160, "evaluator"),
            (self.kind, 8, "kind"),
            (self.k, 8, "k"),
            (self.min_seats, 8, "minSeats"),
            (int(self.open), 8, "open"),
            (self.base_bps, 16, "baseBps"),
            (self.min_match_bps, 16, "minMatchBps"),
            (self.quorum_bps, 16, "quorumBps"),
            (self.shared_bps, 16, "sharedBps"),
        )
        times = _pack(
            (self.bid_end_s, 40, "bidEnd"),
            (self.commit_end_s, 40, "commitEnd"),
            (self.reveal_window_s, 32, "revealWindow"),
            (self.evaluation_window_s, 32, "evaluationWindow"),
        )
        return (
            _pack((int(self.requester, 16), 160, "requester"), (self.ceiling_wei, 96, "ceiling")),
            _pack((int(self.router, 16), 160, "router"), (self.bond_wei, 96, "bond")),
            _pack((int(self.token, 16), 160, "token"), (self.evaluation_fee_wei, 96, "evaluationFee")),
            terms,
            times,
            self.page_id,
            self.requirement,
            self.parent,
            self.header,
            self.salt,
        )

    @classmethod
    def from_words(cls, words: tuple[Any, ...]) -> Task:
        """Inverse of `words`.

        Raises:
            ValueError: not ten words, or `open` is neither 0 nor 1.
        """
        payer, routing, asset, terms, times, page_id, requirement, parent, header, salt = words
        if _bits(terms, 184, 8) > 1:
            raise ValueError("`open` is a flag")
        return cls(
            requester=_address(payer),
            router=_address(routing),
            token=_address(asset),
            ceiling_wei=payer >> 160,
            base_bps=_bits(terms, 192, 16),
            bond_wei=routing >> 160,
            kind=_bits(terms, 160, 8),
            page_id=bytes(page_id),
            requirement=requirement,
            min_match_bps=_bits(terms, 208, 16),
            k=_bits(terms, 168, 8),
            min_seats=_bits(terms, 176, 8),
            quorum_bps=_bits(terms, 224, 16),
            open=bool(_bits(terms, 184, 8)),
            bid_end_s=_bits(times, 0, 40),
            commit_end_s=_bits(times, 40, 40),
            reveal_window_s=_bits(times, 80, 32),
            evaluator=_address(terms),
            evaluation_window_s=_bits(times, 112, 32),
            evaluation_fee_wei=asset >> 160,
            shared_bps=terms >> 240,
            parent=bytes(parent),
            header=bytes(header),
            salt=bytes(salt),
        )

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
            elif field.type == "bool":
                values.append(bool(raw))
            elif field.type == "int":
                values.append(int(raw))
            else:
                values.append(raw)
        return cls(*values)


def _pack(*fields: tuple[int, int, str]) -> int:
    """One word of (value, bits, name), from the lowest."""
    word, shift = 0, 0
    for value, bits, name in fields:
        if not 0 <= value < 1 << bits:
            raise InvalidInput(
                f"{name} is {value}, which is not a whole number of 0…2^{bits} - 1",
                hint="check the amounts, times and shares of the task",
                code="input.abi",
            )
        word |= value << shift
        shift += bits
    return word


def _bits(word: int, shift: int, bits: int) -> int:
    return (word >> shift) & ((1 << bits) - 1)


def _address(word: int) -> str:
    """Checksummed address in a word's low 160 bits."""
    return str(to_checksum_address(_bits(word, 0, 160).to_bytes(20, "big")))


#: Names of the fields in Solidity and in EIP-712, in the type's order.
SOLIDITY_NAMES: tuple[str, ...] = (
    "requester", "router", "token", "ceiling", "baseBps", "bond", "kind", "pageId", "requirement", "minMatchBps", "k",
    "minSeats", "quorumBps", "open", "bidEnd", "commitEnd", "revealWindow", "evaluator", "evaluationWindow", "evaluationFee",
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

    @property
    def terms(self) -> int:
        """The bid's one word, as `contracts/libraries/Orders.sol` draws it.

        Raises:
            InvalidInput: a value does not fit its bits.
        """
        return _pack(
            (self.agent_id, 32, "agentId"),
            (self.price_wei, 96, "price"),
            (self.confidence_bps, 16, "confidenceBps"),
            (self.expiry_s, 40, "expiry"),
        )

    def words(self) -> tuple[int, bytes]:
        return (self.terms, self.signature)

    @classmethod
    def from_words(cls, terms: int, signature: bytes) -> Bid:
        """Inverse of `words`."""
        return cls(_bits(terms, 0, 32), _bits(terms, 32, 96), _bits(terms, 128, 16), _bits(terms, 144, 40), signature)


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens a seat's commitment; `answer` is the canonical answer where it is published inline, else empty."""

    seat: int
    answer_digest: bytes
    evidence_digest: bytes
    salt: bytes
    answer: bytes = b""

    def as_tuple(self) -> tuple[int, bytes, bytes, bytes, bytes]:
        return (self.seat, self.answer_digest, self.evidence_digest, self.salt, self.answer)


@dataclass(frozen=True, slots=True)
class SeatAward:
    """One seat as `TaskAwarded` and `SeatTaken` pack it."""

    seat: int
    agent_id: int
    wallet: str
    weight: int

    def word(self) -> int:
        return int(self.wallet, 16) | self.agent_id << 160 | self.weight << 192

    @classmethod
    def from_word(cls, seat: int, word: int) -> SeatAward:
        """Inverse of `word`."""
        return cls(seat, _bits(word, 160, 32), _address(word), word >> 192)


@dataclass(frozen=True, slots=True)
class SeatResult:
    """One seat as `TaskSettled` packs it.

    `pay_wei` is what it earned after the score burn and before the pool's share; `earned` is the agent's whole earned word of the
    task's page after the task. Bond and shared part follow from the task: see `model.tally`.
    """

    seat: int
    agent_id: int
    score_bps: int
    weight: int
    pay_wei: int
    revealed: bool
    scored: bool
    won: bool
    earned: int

    def words(self) -> tuple[int, int]:
        """The seat's two words."""
        flags = self.revealed | self.scored << 1 | self.won << 2
        word = self.agent_id | self.score_bps << 32 | self.weight << 48 | self.pay_wei << 64 | flags << 160
        return (word, self.earned)

    @classmethod
    def from_words(cls, seat: int, word: int, earned: int) -> SeatResult:
        """Inverse of `words`.

        Raises:
            ValueError: bits are set that have no meaning.
        """
        if word >> 163:
            raise ValueError("a result word has unknown bits")
        return cls(
            seat=seat,
            agent_id=_bits(word, 0, 32),
            score_bps=_bits(word, 32, 16),
            weight=_bits(word, 48, 16),
            pay_wei=_bits(word, 64, 96),
            revealed=bool(_bits(word, 160, 1)),
            scored=bool(_bits(word, 161, 1)),
            won=bool(_bits(word, 162, 1)),
            earned=earned,
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """A closed task as proof for other contracts: its parameters, and its `TaskSettled` (`winner`: 26 bytes or empty)."""

    task: Task
    winner: bytes
    results: tuple[SeatResult, ...]

    def as_tuple(self) -> tuple[Any, bytes, list[int]]:
        return (self.task.words(), self.winner.ljust(32, b"\0"), [w for r in self.results for w in r.words()])

    def digest(self) -> bytes:
        """The 26 bytes that the market keeps."""
        return receipt_digest(self.winner, self.results)


def receipt_digest(winner: bytes, results: Sequence[SeatResult]) -> bytes:
    """First 26 bytes of keccak256(winner ‖ results)."""
    words = b"".join(word.to_bytes(32, "big") for result in results for word in result.words())
    return keccak(winner.ljust(32, b"\0") + words)[:26]
