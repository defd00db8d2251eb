"""Where a search leads: the page of what an id, address, DID, height, hash or CID names. Knows no templates."""

from __future__ import annotations

import re
from urllib.parse import quote, urlencode

from api.services import Services
from symphony_chain.content.cid import Cid
from symphony_chain.content.errors import MalformedCid
from symphony_chain.errors import NotFound
from symphony_chain.rpc_types import checksum

_HASH = re.compile(r"0x[0-9a-fA-F]{64}")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_NUMBER = re.compile(r"[0-9]{1,15}")


def find(parts: Services, query: str) -> str:
    """Path of the page; NotFound where nothing matches."""
    if query.startswith("did:"):
        return f"/agents/{quote(query, safe=':')}"
    if _ADDRESS.fullmatch(query):
        owned = parts.reader.agents_of(checksum(query))
        return f"/agents/{owned[0]}" if owned else f"/tasks?{urlencode({'requester': query})}"
    if _HASH.fullmatch(query):
        return _of_hash(parts, query.lower())
    if _NUMBER.fullmatch(query):
        number = int(query)
        if parts.reader.block_hash(number) is not None:
            return f"/blocks/{number}"
        if parts.reader.agent(number) is not None:
            return f"/agents/{number}"
    try:
        return f"/ipfs/{Cid.parse(query)}?format=raw"
    except MalformedCid:
        raise _nothing() from None


def _of_hash(parts: Services, text: str) -> str:
    if parts.reader.task(text) is not None:
        return f"/tasks/{text}"
    number = parts.reader.block_number(text)
    if number is not None:
        return f"/blocks/{number}"
    if parts.reader.transaction(text) is not None:
        return f"/tx/{text}"
    if parts.texts.card(bytes.fromhex(text[2:])) is not None:
        return f"/models/{text}"
    raise _nothing()


def _nothing() -> NotFound:
    hint = "search for a task id, transaction or block hash, block height, address, DID or CID"
    return NotFound("nothing here has that name", hint=hint, code="search.not_found")
