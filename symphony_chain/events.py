"""Typed events of both contracts and their decoder: a log in, a frozen dataclass out. Pure.

Knows nothing of where logs come from; `follow` brings them, `indexer` and `agent_runtime` read them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from symphony_chain.abi import MARKET, PLANS, REGISTRY
from symphony_chain.event_table import EventTable, Values
from symphony_chain.types import Bid, SeatAward, SeatResult, Skip, State, Task

# --- TaskMarket ---


@dataclass(frozen=True, slots=True)
class TaskPosted:
    """`value_wei`: coins that came along; the rest of the escrow was balance, a surplus became balance."""

    task_id: bytes
    requester: str
    value_wei: int
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
class SeatTaken:
    """A free seat of an open task, at the ceiling."""

    task_id: bytes
    agent_id: int
    award: SeatAward


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
    evaluated: bool
    refund_wei: int
    burnt_wei: int
    fee_wei: int
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


# --- Plans ---


@dataclass(frozen=True, slots=True)
class PlanRevealed:
    """`market`: which took the reveal, for Plans serves any. `weight`: with which the seat votes, its children looked at."""

    market: str
    task_id: bytes
    agent_id: int
    seat: int
    weight: int
    trace_digest: bytes
    children: tuple[bytes, ...]


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
    | SeatTaken
    | AnswerCommitted
    | AnswerRevealed
    | TaskSettled
    | Deposited
    | Withdrawn
    | AgentFunded
    | PayClaimed
    | PlanRevealed
    | Transfer
    | Registered
    | FileSet
    | URIUpdated
    | MetadataSet
    | CapabilitiesDeclared
    | AgentWalletChanged
    | SkillPagePublished
)


def _settled(v: Values) -> TaskSettled:
    words = v["results"]
    if len(words) % 2:
        raise ValueError("results come in pairs")
    results = tuple(SeatResult.from_words(i, words[2 * i], words[2 * i + 1]) for i in range(len(words) // 2))
    outcome, weights = State(v["outcome"]), v["weights"]
    return TaskSettled(
        task_id=v["taskId"],
        outcome=outcome,
        winner=v["winner"][:26] if outcome is State.SETTLED else b"",
        winner_weight=weights & 0xFFFFFFFF,
        total_weight=weights >> 32 & 0xFFFFFFFF,
        evaluated=bool(weights >> 64),
        refund_wei=v["refund"],
        burnt_wei=v["burnt"],
        fee_wei=v["fee"],
        results=results,
    )


def _bid(v: Values) -> BidPosted:
    bid = Bid.from_words(v["terms"], v["signature"])
    return BidPosted(v["taskId"], bid.agent_id, bid.price_wei, bid.confidence_bps, bid.expiry_s, bid.signature)


_BUILDERS: dict[str, Callable[[Values], Event]] = {
    "TaskPosted": lambda v: TaskPosted(v["taskId"], v["requester"], v["value"], Task.from_words(v["task"])),
    "TaskCancelled": lambda v: TaskCancelled(v["taskId"], v["refund"]),
    "BidPosted": _bid,
    "BidSkipped": lambda v: BidSkipped(v["taskId"], v["agentId"], Skip(v["reason"])),
    "TaskAwarded": lambda v: TaskAwarded(
        v["taskId"], v["price"], v["returned"], tuple(SeatAward.from_word(i, word) for i, word in enumerate(v["seats"]))
    ),
    "SeatTaken": lambda v: SeatTaken(v["taskId"], v["agentId"], SeatAward.from_word(v["index"], v["seat"])),
    "AnswerCommitted": lambda v: AnswerCommitted(v["taskId"], v["agentId"], v["seat"], v["commitment"]),
    "AnswerRevealed": lambda v: AnswerRevealed(
        v["taskId"], v["agentId"], v["seat"], v["answerDigest"], v["evidenceDigest"], v["salt"], v["answer"]
    ),
    "TaskSettled": _settled,
    "Deposited": lambda v: Deposited(v["account"], v["token"], v["amount"], v["from"]),
    "Withdrawn": lambda v: Withdrawn(v["account"], v["token"], v["to"], v["amount"]),
    "AgentFunded": lambda v: AgentFunded(v["agentId"], v["token"], v["amount"], v["from"]),
    "PayClaimed": lambda v: PayClaimed(v["agentId"], v["token"], v["to"], v["amount"]),
    "PlanRevealed": lambda v: PlanRevealed(
        v["market"], v["taskId"], v["agentId"], v["seat"], v["weight"], v["traceDigest"], tuple(v["children"])
    ),
    "Transfer": lambda v: Transfer(v["from"], v["to"], v["tokenId"]),
    "Registered": lambda v: Registered(v["agentId"], v["agentURI"], v["owner"]),
    "FileSet": lambda v: FileSet(v["agentId"], v["digest"]),
    "URIUpdated": lambda v: URIUpdated(v["agentId"], v["newURI"], v["updatedBy"]),
    "MetadataSet": lambda v: MetadataSet(v["agentId"], v["metadataKey"], v["metadataValue"]),
    "CapabilitiesDeclared": lambda v: CapabilitiesDeclared(v["agentId"], v["pageId"], v["word"]),
    "AgentWalletChanged": lambda v: AgentWalletChanged(v["agentId"], v["wallet"]),
    "SkillPagePublished": lambda v: SkillPagePublished(v["pageId"], v["tags"]),
}


_TABLE: EventTable[Event] = EventTable((MARKET, REGISTRY, PLANS), _BUILDERS)
topics = _TABLE.topics
decode = _TABLE.decode
