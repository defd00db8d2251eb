"""Typed events of both contracts and their decoder: a log in, a frozen dataclass out. Pure.

Knows nothing of where logs come from; `follow` brings them, `indexer` and `agent_runtime` read them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_abi import abi as eth_abi
from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address

from symphony_chain.abi import MARKET, REGISTRY, Signature, signatures
from symphony_chain.errors import InvalidInput
from symphony_chain.rpc_types import Log
from symphony_chain.types import SeatAward, SeatResult, Skip, State, Task

# --- TaskMarket ---


@dataclass(frozen=True, slots=True)
class TaskPosted:
    task_id: bytes
    requester: str
    task: Task


@dataclass(frozen=True, slots=True)
class TaskCancelled:
    task_id: bytes
    refund_wei: int


@dataclass(frozen=True, slots=True)
class BidPosted:
    task_id: bytes
    agent_id: int
    price_wei: int
    confidence_bps: int
    expiry_s: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class BidSkipped:
    task_id: bytes
    agent_id: int
    reason: Skip


@dataclass(frozen=True, slots=True)
class TaskAwarded:
    task_id: bytes
    price_wei: int
    returned_wei: int
    seats: tuple[SeatAward, ...]


@dataclass(frozen=True, slots=True)
class AnswerCommitted:
    task_id: bytes
    agent_id: int
    seat: int
    commitment: bytes


@dataclass(frozen=True, slots=True)
class AnswerRevealed:
    task_id: bytes
    agent_id: int
    seat: int
    answer_digest: bytes
    evidence_digest: bytes
    salt: bytes
    answer: bytes


@dataclass(frozen=True, slots=True)
class TaskSettled:
    """`winner` is the first 26 bytes of the winning answer's digest; empty unless Settled."""

    task_id: bytes
    outcome: State
    winner: bytes
    winner_weight: int
    total_weight: int
    refund_wei: int
    burnt_wei: int
    results: tuple[SeatResult, ...]


@dataclass(frozen=True, slots=True)
class Deposited:
    account: str
    token: str
    amount_wei: int
    from_: str


@dataclass(frozen=True, slots=True)
class Withdrawn:
    account: str
    token: str
    to: str
    amount_wei: int


@dataclass(frozen=True, slots=True)
class AgentFunded:
    agent_id: int
    token: str
    amount_wei: int
    from_: str


@dataclass(frozen=True, slots=True)
class PayClaimed:
    agent_id: int
    token: str
    to: str
    amount_wei: int


# --- AgentRegistry ---


@dataclass(frozen=True, slots=True)
class Transfer:
    from_: str
    to: str
    agent_id: int


@dataclass(frozen=True, slots=True)
class Registered:
    agent_id: int
    agent_uri: str
    owner: str


@dataclass(frozen=True, slots=True)
class FileSet:
    agent_id: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class URIUpdated:
    agent_id: int
    new_uri: str
    updated_by: str


@dataclass(frozen=True, slots=True)
class MetadataSet:
    agent_id: int
    key: str
    value: bytes


@dataclass(frozen=True, slots=True)
class CapabilitiesDeclared:
    agent_id: int
    page_id: bytes
    word: int


@dataclass(frozen=True, slots=True)
class AgentWalletChanged:
    """`wallet` zero: the owner itself."""

    agent_id: int
    wallet: str


@dataclass(frozen=True, slots=True)
class SkillPagePublished:
    page_id: bytes
    tags: str


Event = (
    TaskPosted
    | TaskCancelled
    | BidPosted
    | BidSkipped
    | TaskAwarded
    | AnswerCommitted
    | AnswerRevealed
    | TaskSettled
    | Deposited
    | Withdrawn
    | AgentFunded
    | PayClaimed
    | Transfer
    | Registered
    | FileSet
    | URIUpdated
    | MetadataSet
    | CapabilitiesDeclared
    | AgentWalletChanged
    | SkillPagePublished
)
Values = dict[str, Any]


def _task(raw: tuple[Any, ...]) -> Task:
    return Task.from_tuple(
        tuple(to_checksum_address(v) if isinstance(v, str) else bytes(v) if isinstance(v, bytes) else v for v in raw)
    )


def _awarded(v: Values) -> TaskAwarded:
    seats = tuple(
        SeatAward(
            i, (word >> 160) & 0xFFFFFFFF, to_checksum_address((word & (1 << 160) - 1).to_bytes(20, "big")), word >> 192
        )
        for i, word in enumerate(v["seats"])
    )
    return TaskAwarded(v["taskId"], v["price"], v["returned"], seats)


def _settled(v: Values) -> TaskSettled:
    words = v["results"]
    if len(words) % 2:
        raise ValueError("results come in pairs")
    results = tuple(_seat_result(i, words[2 * i], words[2 * i + 1]) for i in range(len(words) // 2))
    outcome = State(v["outcome"])
    winner = v["winner"][:26] if outcome is State.SETTLED else b""
    return TaskSettled(
        v["taskId"], outcome, winner, v["winnerWeight"], v["totalWeight"], v["refund"], v["burnt"], results
    )


def _seat_result(seat: int, word: int, earned: int) -> SeatResult:
    return SeatResult(
        seat=seat,
        agent_id=word & 0xFFFFFFFF,
        score_bps=(word >> 32) & 0xFFFF,
        revealed=bool(word >> 48 & 1),
        scored=bool(word >> 49 & 1),
        pay_wei=(word >> 64) & ((1 << 96) - 1),
        bond_returned_wei=word >> 160,
        earned=earned,
    )


_BUILDERS: dict[str, Callable[[Values], Event]] = {
    "TaskPosted": lambda v: TaskPosted(v["taskId"], v["requester"], _task(v["task"])),
    "TaskCancelled": lambda v: TaskCancelled(v["taskId"], v["refund"]),
    "BidPosted": lambda v: BidPosted(
        v["taskId"], v["agentId"], v["price"], v["confidenceBps"], v["expiry"], v["signature"]
    ),
    "BidSkipped": lambda v: BidSkipped(v["taskId"], v["agentId"], Skip(v["reason"])),
    "TaskAwarded": _awarded,
    "AnswerCommitted": lambda v: AnswerCommitted(v["taskId"], v["agentId"], v["seat"], v["commitment"]),
    "AnswerRevealed": lambda v: AnswerRevealed(
        v["taskId"], v["agentId"], v["seat"], v["answerDigest"], v["evidenceDigest"], v["salt"], v["answer"]
    ),
    "TaskSettled": _settled,
    "Deposited": lambda v: Deposited(v["account"], v["token"], v["amount"], v["from"]),
    "Withdrawn": lambda v: Withdrawn(v["account"], v["token"], v["to"], v["amount"]),
    "AgentFunded": lambda v: AgentFunded(v["agentId"], v["token"], v["amount"], v["from"]),
    "PayClaimed": lambda v: PayClaimed(v["agentId"], v["token"], v["to"], v["amount"]),
    "Transfer": lambda v: Transfer(v["from"], v["to"], v["tokenId"]),
    "Registered": lambda v: Registered(v["agentId"], v["agentURI"], v["owner"]),
    "FileSet": lambda v: FileSet(v["agentId"], v["digest"]),
    "URIUpdated": lambda v: URIUpdated(v["agentId"], v["newURI"], v["updatedBy"]),
    "MetadataSet": lambda v: MetadataSet(v["agentId"], v["metadataKey"], v["metadataValue"]),
    "CapabilitiesDeclared": lambda v: CapabilitiesDeclared(v["agentId"], v["pageId"], v["word"]),
    "AgentWalletChanged": lambda v: AgentWalletChanged(v["agentId"], v["wallet"]),
    "SkillPagePublished": lambda v: SkillPagePublished(v["pageId"], v["tags"]),
}


@cache
def topics() -> dict[bytes, Signature]:
    """First topic → signature, for every event that has a typed form here."""
    return {s.hash: s for contract in (MARKET, REGISTRY) for s in signatures(contract, "event") if s.name in _BUILDERS}


def decode(log: Log) -> Event | None:
    """The typed event of a log; None where its first topic is none of ours.

    Raises:
        InvalidInput: the topic is ours but the data is not of its shape.
    """
    signature = topics().get(log.topics[0]) if log.topics else None
    if signature is None:
        return None
    try:
        return _BUILDERS[signature.name](_values(signature, log))
    except (DecodingError, ValueError, IndexError) as error:
        raise InvalidInput(
            f"log {log.log_index} of transaction 0x{log.tx_hash.hex()} is not a well-formed {signature.name}: {error}",
            hint="is the address that of a Symphony contract of this version?",
            code="event.malformed",
        ) from error


def _values(signature: Signature, log: Log) -> Values:
    topic = iter(log.topics[1:])
    plain = [kind for kind, indexed in zip(signature.types, signature.indexed, strict=True) if not indexed]
    data = iter(eth_abi.decode(plain, log.data))
    values: Values = {}
    for name, kind, indexed in zip(signature.names, signature.types, signature.indexed, strict=True):
        if not indexed:
            value = next(data)
        else:
            word = next(topic, None)
            if word is None:
                raise ValueError("a topic is missing")
            # The topic of an indexed string is its hash: the plain copy follows under its own name.
            value = word if kind == "string" else eth_abi.decode([kind], word)[0]
        values[name] = to_checksum_address(value) if kind == "address" else value
    return values
