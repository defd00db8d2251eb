"""Typed events of Reputation, ReleaseRegistry and DeltaRegistry, and their decoder: a log in, a frozen dataclass out. Pure.

As `events` for market and registry. Strings are strangers': what is no UTF-8 in them is replaced (see `texts`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from symphony_chain.deltas import DELTAS, Delta
from symphony_chain.event_table import EventTable, Values
from symphony_chain.releases import RELEASES, Release
from symphony_chain.reputation import REPUTATION, Feedback

# --- Reputation ---


@dataclass(frozen=True, slots=True)
class FeedbackOpened:
    """`client` may rate `agent_id` once more."""

    task_id: bytes
    agent_id: int
    client: str
    seat: int


@dataclass(frozen=True, slots=True)
class NewFeedback:
    agent_id: int
    client: str
    index: int
    feedback: Feedback


@dataclass(frozen=True, slots=True)
class FeedbackRevoked:
    agent_id: int
    client: str
    index: int


@dataclass(frozen=True, slots=True)
class ResponseAppended:
    agent_id: int
    client: str
    index: int
    responder: str
    uri: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Anchored:
    """`by`: the task's requester or evaluator."""

    task_id: bytes
    by: str
    kind: bytes
    digest: bytes


# --- ReleaseRegistry ---


@dataclass(frozen=True, slots=True)
class ReleasePublished:
    """`name_hash`: keccak256 of the name as it is on chain."""

    name_hash: bytes
    release: Release


@dataclass(frozen=True, slots=True)
class ReleaseYanked:
    publisher: str
    name_hash: bytes
    name: str
    version: str


# --- DeltaRegistry ---


@dataclass(frozen=True, slots=True)
class DeltaPublished:
    """The line's head is now `delta.head`."""

    delta: Delta


LedgerEvent = (
    FeedbackOpened
    | NewFeedback
    | FeedbackRevoked
    | ResponseAppended
    | Anchored
    | ReleasePublished
    | ReleaseYanked
    | DeltaPublished
)


def _feedback(v: Values) -> Feedback:
    names = ("value", "valueDecimals", "tag1", "tag2", "endpoint", "feedbackURI", "feedbackHash")
    return Feedback(*(v[name] for name in names))


def _release(v: Values) -> Release:
    return Release(*(v[name] for name in ("publisher", "kind", "name", "version", "digest", "codec", "size")))


def _delta(v: Values) -> Delta:
    return Delta(*(v[name] for name in ("agentId", "baseModel", "parent", "digest", "size", "codec")))


_BUILDERS: dict[str, Callable[[Values], LedgerEvent]] = {
    "FeedbackOpened": lambda v: FeedbackOpened(v["taskId"], v["agentId"], v["client"], v["seat"]),
    "NewFeedback": lambda v: NewFeedback(v["agentId"], v["clientAddress"], v["feedbackIndex"], _feedback(v)),
    "FeedbackRevoked": lambda v: FeedbackRevoked(v["agentId"], v["clientAddress"], v["feedbackIndex"]),
    "ResponseAppended": lambda v: ResponseAppended(
        v["agentId"],
        v["clientAddress"],
        v["feedbackIndex"],
        v["responder"],
        v["responseURI"],
        v["responseHash"],
    ),
    "Anchored": lambda v: Anchored(v["taskId"], v["by"], v["kind"], v["digest"]),
    "ReleasePublished": lambda v: ReleasePublished(v["nameHash"], _release(v)),
    "ReleaseYanked": lambda v: ReleaseYanked(v["publisher"], v["nameHash"], v["name"], v["version"]),
    "DeltaPublished": lambda v: DeltaPublished(_delta(v)),
}


_TABLE: EventTable[LedgerEvent] = EventTable((REPUTATION, RELEASES, DELTAS), _BUILDERS)
topics = _TABLE.topics
decode = _TABLE.decode
