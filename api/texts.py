"""Foreign texts by digest: beacon headers, task bodies, registration files, model cards, traces, answers from the content store.

What is here has been verified against its digest and nothing more: it is text of strangers. Never fetches.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from symphony_chain.canonical import parse_json
from symphony_chain.content.cid import Cid
from symphony_chain.content.errors import ContentError
from symphony_chain.content.store import ContentStore
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

CACHE_ENTRIES = 2048
Check = Callable[[bytes], object]


class Texts:
    """Parsed documents of a store. A document that is missing, damaged or not of its format is None."""

    def __init__(self, store: ContentStore) -> None:
        self._store = store
        # A digest names one document for ever, so what was found can be kept; what was missing may still come.
        self._documents = lru_cache(CACHE_ENTRIES)(self._load)

    def header(self, digest: bytes) -> dict[str, Any] | None:
        """A beacon header."""
        return self._get(digest, BeaconHeader.parse, MAX_HEADER_BYTES)

    def body(self, digest: bytes) -> dict[str, Any] | None:
        """A task body."""
        return self._get(digest, TaskBody.parse, MAX_BODY_BYTES)

    def registration(self, digest: bytes) -> dict[str, Any] | None:
        """An agent's registration file."""
        return self._get(digest, Registration.parse, MAX_REGISTRATION_BYTES)

    def card(self, digest: bytes) -> dict[str, Any] | None:
        """A model card."""
        return self._get(digest, ModelCard.parse, MAX_CARD_BYTES)

    def trace(self, digest: bytes) -> dict[str, Any] | None:
        """A seat's trace: its chains of thought."""
        return self._get(digest, Trace.parse, MAX_TRACE_BYTES)

    def answer(self, digest: bytes) -> str | None:
        """A canonical answer's text, where somebody keeps it here."""
        try:
            return self._store.get(Cid.from_digest(digest), MAX_ANSWER_BYTES).decode()
        except (ContentError, UnicodeDecodeError):
            return None

    def _get(self, digest: bytes, check: Check, max_bytes: int) -> dict[str, Any] | None:
        try:
            return self._documents(digest, check, max_bytes)
        except (ContentError, InvalidInput):
            return None

    def _load(self, digest: bytes, check: Check, max_bytes: int) -> dict[str, Any]:
        data = self._store.get(Cid.from_digest(digest), max_bytes)
        check(data)
        document: dict[str, Any] = parse_json(data, max_bytes=max_bytes)
        return document
