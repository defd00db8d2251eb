"""Uploads of documents to the API's content store: which kinds, how large, and from where. Knows no IPFS."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request

from api.errors import Forbidden
from api.schema.write import Uploaded
from symphony_chain.content.errors import TooLarge
from symphony_chain.content.store import ContentStore
from symphony_chain.deploy import Deployment
from symphony_chain.devnet.accounts import DEVNET_CHAIN_ID
from symphony_chain.errors import InvalidInput
from symphony_chain.spec.body import TaskBody
from symphony_chain.spec.header import BeaconHeader
from symphony_chain.spec.limits import (
    MAX_ANSWER_BYTES,
    MAX_BODY_BYTES,
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
    "trace": (MAX_TRACE_BYTES, Trace.parse),
    "answer": (MAX_ANSWER_BYTES, _text),
}


def require_open_uploads(request: Request, deployment: Deployment) -> None:
    """Raises Forbidden unless the chain is a devnet and the client is on this machine."""
    host = request.client.host if request.client else ""
    if deployment.chain_id != DEVNET_CHAIN_ID or host not in LOOPBACK:
        raise Forbidden(
            "uploads are open only on devnets and from this machine",
            hint="serve the document from your own gateway and name it in the header's bid_endpoint",
            code="api.uploads_closed",
        )


def keep_upload(store: ContentStore, kind: str, data: bytes) -> Uploaded:
    """Stores and pins a document.

    Raises:
        InvalidInput: unknown kind, or not of that format. TooLarge. StoreFull.
    """
    if kind not in KINDS:
        raise InvalidInput(f"content of kind {kind[:40]!r} is not taken here", hint=f"use {', '.join(KINDS)}", code="upload.kind")
    max_bytes, check = KINDS[kind]
    if len(data) > max_bytes:
        raise TooLarge(f"a {kind} has at most {max_bytes} bytes, not {len(data)}", hint="make it smaller", max_bytes=max_bytes)
    check(data)
    added = store.add(data, kind)
    store.pin(added.cid, PIN_OWNER)
    return Uploaded(cid=str(added.cid), size_bytes=added.size_bytes, kind=kind)
