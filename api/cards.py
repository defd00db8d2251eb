"""Model cards: which of them registered agents name, and what those say that are at hand here. Never fetches.

A card is its maker's claim, and naming one proves nothing: anybody may name anybody's card.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from api.reader import Reader
from api.schema.base import Page
from api.schema.card import AgentCard, CardAgent, CardDetail, CardSummary
from api.texts import Texts
from indexer.paging import decode_cursor, page_of
from symphony_chain.content.cid import Cid
from symphony_chain.errors import NotFound

#: Cards of a registration file that are looked at here, in its order; a worker of ours names two at most.
MOST_OF_AN_AGENT = 8
MOST_AGENTS_SHOWN = 50
#: Agents whose files are looked at for the list, by id.
MOST_FILES = 5000
FRESH_S = 1.0


def digests_in(registration: dict[str, Any] | None) -> list[bytes]:
    """Digests of the cards that a registration file names."""
    return [bytes.fromhex(text[2:]) for text in registration["symphony"].get("model_cards", ())] if registration else []


def cards_of(texts: Texts, registration: dict[str, Any] | None) -> tuple[AgentCard, ...]:
    """The first cards of a registration file, as far as they are at hand."""
    found: list[AgentCard] = []
    for digest in digests_in(registration)[:MOST_OF_AN_AGENT]:
        card = texts.card(digest)
        if card is not None:
            found.append(AgentCard(digest="0x" + digest.hex(), cid=str(Cid.from_digest(digest)), card=card))
    return tuple(found)


class Cards:
    """Who names which card. Reads every agent's file, so what it found serves all readers for a moment."""

    def __init__(self, reader: Reader, texts: Texts, monotonic: Callable[[], float]) -> None:
        self._reader = reader
        self._texts = texts
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._seen: tuple[str, float] | None = None
        self._namers: dict[bytes, list[CardAgent]] = {}

    def page(self, *, cursor: str | None, limit: int) -> Page[CardSummary]:
        """Cards at hand that registered agents name, in the order of the first agent that does."""
        start = decode_cursor(cursor, [int])[0] if cursor is not None else -1
        named = [(place, *item) for place, item in enumerate(self._named().items()) if place > start]
        rows: list[dict[str, Any]] = []
        for place, digest, agents in named:
            card = self._texts.card(digest)
            if card is not None:
                rows.append({"place": place, "summary": _summary(digest, card, agents)})
            if len(rows) > limit:
                break
        page = page_of(rows, limit, lambda row: [row["place"]])
        return Page[CardSummary](items=tuple(row["summary"] for row in page.items), next=page.next_cursor)

    def detail(self, digest: bytes) -> CardDetail:
        """One card; NotFound where it is not at hand."""
        card, agents = self._texts.card(digest), self._named().get(digest, [])
        cid = str(Cid.from_digest(digest))
        if card is None:
            raise NotFound(
                f"the model card 0x{digest.hex()} is not at hand",
                hint="fetch it by `cid` from the gateway of an agent that names it; those at hand are listed at /v1/models",
                code="model.not_found",
                cid=cid,
                agent_ids=[agent.id for agent in agents[:MOST_AGENTS_SHOWN]],
            )
        return CardDetail(
            digest="0x" + digest.hex(), cid=cid, card=card, agent_count=len(agents), agents=tuple(agents[:MOST_AGENTS_SHOWN])
        )

    def _named(self) -> dict[bytes, list[CardAgent]]:
        block = self._reader.status().indexed
        with self._lock:
            tip, now_s = block.hash if block else "", self._monotonic()
            if self._seen is None or self._seen[0] != tip or now_s >= self._seen[1] + FRESH_S:
                self._namers = self._read()
                self._seen = tip, now_s
            return self._namers

    def _read(self) -> dict[bytes, list[CardAgent]]:
        found: dict[bytes, list[CardAgent]] = {}
        for agent_id, file_digest in self._reader.agent_files(limit=MOST_FILES):
            registration = self._texts.registration(bytes.fromhex(file_digest[2:]))
            for digest in dict.fromkeys(digests_in(registration)[:MOST_OF_AN_AGENT]):
                found.setdefault(digest, []).append(CardAgent(id=agent_id, name=registration["name"] if registration else None))
        return found


def _summary(digest: bytes, card: dict[str, Any], agents: list[CardAgent]) -> CardSummary:
    return CardSummary(
        digest="0x" + digest.hex(),
        cid=str(Cid.from_digest(digest)),
        name=card["name"],
        kind=card["kind"],
        base=card.get("base"),
        licence=card["licence"],
        parameters=card["parameters"],
        weights_bytes=min(file["bytes"] for file in card["weights"]),
        skills=tuple(card["skills"]),
        agent_count=len(agents),
        agents=tuple(agents[:MOST_AGENTS_SHOWN]),
    )
