"""Uploads of documents to the API's content store: which kinds, how large, and from whom. Knows no IPFS.

On a devnet everything on this machine may bring documents. From anybody else the store takes what the chain names already: an
agent's registration file, the first cards that this names once it is at hand, the trace of an opened seat, a task's header,
the body that this names once it is at hand.
Naming costs gas, which makes filling the store dear and not impossible: when it is full, what nobody pinned goes, oldest first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from api.cards import MOST_OF_AN_AGENT, digests_in
from api.errors import Forbidden
from api.reader import Reader
from api.schema.write import Uploaded
from api.texts import Texts
from symphony_chain.canonical import sha256
from symphony_chain.content.cid import Cid
from symphony_chain.content.errors import StoreFull, TooLarge
from symphony_chain.content.store import ContentStore
from symphony_chain.deploy import Deployment
from symphony_chain.devnet.accounts import DEVNET_CHAIN_ID
from symphony_chain.errors import InvalidInput
from symphony_chain.spec.body import TaskBody
from symphony_chain.spec.card import ModelCard
from symphony_chain.spec.header import BeaconHeader
from symphony_chain.spec.limits import (
    MAX_ANSWER_BYTES,
    MAX_BODY_BYTES,
    MAX_CARD_BYTES,
    MAX_HEADER_BYTES,
    MAX_REGISTRATION_BYTES,
    MAX_TRACE_BYTES,
)
from symphony_chain.spec.registration import Registration
from symphony_chain.spec.trace import Trace

PIN_OWNER = "upload"
LOOPBACK = ("127.0.0.1", "::1", "testclient")


def _text(data: bytes) -> object:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput("an answer is UTF-8 text", hint="upload the canonical answer's bytes") from error


#: kind → largest size in bytes, and the parser that must accept it.
KINDS: dict[str, tuple[int, Callable[[bytes], object]]] = {
    "header": (MAX_HEADER_BYTES, BeaconHeader.parse),
    "body": (MAX_BODY_BYTES, TaskBody.parse),
    "registration": (MAX_REGISTRATION_BYTES, Registration.parse),
    "card": (MAX_CARD_BYTES, ModelCard.parse),
    "trace": (MAX_TRACE_BYTES, Trace.parse),
    "answer": (MAX_ANSWER_BYTES, _text),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the chain names a document: an agent, a task, or a seat of a task."""

    agent: int | None = None
    task: str | None = None
    seat: int | None = None


def may_upload(request: Request, deployment: Deployment) -> bool:
    """Whether a client may bring any document: the chain is a devnet and the client is on this machine."""
    host = request.client.host if request.client else ""
    return deployment.chain_id == DEVNET_CHAIN_ID and host in LOOPBACK


def require_named(reader: Reader, texts: Texts, kind: str, place: Place, data: bytes) -> None:
    """Raises Forbidden unless the chain names this document of this kind at this place, or a document at hand that it names: a
    card's is its agent's file, a body's its task's header.
    """
    if sha256(data) not in _named(reader, texts, kind, place):
        raise Forbidden(
            f"the chain names no such {kind[:40]} there, and other uploads are open only on devnets and from this machine",
            hint="serve it from your own gateway and name that in the header's bid_endpoint; of what the chain names, say where: "
            "with `agent`, or with `task` and `seat`",
            code="api.uploads_closed",
        )


def _named(reader: Reader, texts: Texts, kind: str, place: Place) -> set[bytes]:
    found: list[str | None] = []
    if kind == "registration" and place.agent is not None:
        agent = reader.agent(place.agent)
        found = [agent.file_digest] if agent else []
    if kind == "card" and place.agent is not None:
        agent = reader.agent(place.agent)
        file = texts.registration(bytes.fromhex(agent.file_digest[2:])) if agent and agent.file_digest else None
        return set(digests_in(file)[:MOST_OF_AN_AGENT])  # nobody looks at more
    facts = reader.task(place.task.lower()) if place.task is not None else None
    if kind == "header" and facts is not None:
        found = [facts.record.header]
    if kind == "body" and facts is not None:
        header = texts.header(bytes.fromhex(facts.record.header[2:]))
        return set() if header is None else {Cid.parse(header["body"]["cid"]).digest}
    if kind == "trace" and facts is not None:
        found = [seat.trace_digest or seat.evidence_digest for seat in facts.seats if seat.seat == place.seat]
    return {bytes.fromhex(digest[2:]) for digest in found if digest}


def keep_upload(store: ContentStore, kind: str, data: bytes, *, pinned: bool) -> Uploaded:
    """Stores a document.

    Args:
        pinned: keep it whatever happens; else it may go, after an hour at least, when the store is full.

    Raises:
        InvalidInput: unknown kind, or not of that format. TooLarge. StoreFull.
    """
    if kind not in KINDS:
        raise InvalidInput(f"content of kind {kind[:40]!r} is not taken here", hint=f"use {', '.join(KINDS)}", code="upload.kind")
    max_bytes, check = KINDS[kind]
    if len(data) > max_bytes:
        raise TooLarge(f"a {kind} has at most {max_bytes} bytes, not {len(data)}", hint="make it smaller", max_bytes=max_bytes)
    check(data)
    try:
        added = store.add(data, kind)
    except StoreFull:
        store.make_room()
        added = store.add(data, kind)
    if pinned:
        store.pin(added.cid, PIN_OWNER)
    return Uploaded(cid=str(added.cid), size_bytes=added.size_bytes, kind=kind)
