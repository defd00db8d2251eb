"""Model cards: which of them registered agents name, and what those say that are at hand here. Never fetches.

A card is its maker's claim, and naming one proves nothing: anybody may name anybody's card.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from api.reader import Reader
from api.schema.base import Page
from api.schema.card import AgentCard, CardAgent, CardDetail, CardSummary
from api.texts import Texts
from indexer.paging import decode_cursor, encode_cursor, page_of
from symphony_chain.content.cid import Cid
from symphony_chain.errors import NotFound

#: Cards of a registration file that are looked at here, in its order.
MOST_OF_AN_AGENT = 8
#: Of these, cards that an agent's own document has whole; a worker of ours names two at most.
MOST_WHOLE = 2
MOST_AGENTS_SHOWN = 50
#: Agents whose files are looked at for the list, by id.
MOST_FILES = 5000
#: Cards that one page of the list looks for in vain; then it ends, and the next page goes on.
MOST_ABSENT = 1000
FRESH_S = 1.0


def digests_in(registration: dict[str, Any] | None) -> list[bytes]:
    """Digests of the cards that a registration file names."""
    return [bytes.fromhex(text[2:]) for text in registration["symphony"].get("model_cards", ())] if registration else []


def cards_of(texts: Texts, registration: dict[str, Any] | None) -> tuple[AgentCard, ...]:
    """The first cards of a registration file that are at hand."""
    found: list[AgentCard] = []
    for digest in digests_in(registration)[:MOST_OF_AN_AGENT]:
        card = texts.card(digest) if len(found) < MOST_WHOLE else None
        if card is not None:
            found.append(AgentCard(digest="0x" + digest.hex(), cid=str(Cid.from_digest(digest)), card=card))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Named:
    """What a registration file says here: its agent's name, and its first cards."""

    name: str
    cards: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class _Moment:
    """Who names which card at a block, until some time; and which of these cards were looked for in vain."""

    tip: str
    until_s: float
    namers: dict[bytes, list[CardAgent]]
    absent: set[bytes]


class Cards:
    """Who names which card. Looks at every agent's file, so what it found serves all readers for a moment."""

    def __init__(self, reader: Reader, texts: Texts, monotonic: Callable[[], float]) -> None:
        self._reader = reader
        self._texts = texts
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._moment: _Moment | None = None
        # By digest of the file, which names one document for ever: what was found is kept as long as an agent names the file.
        # What was missing may still come.
        self._files: dict[str, _Named] = {}

    def page(self, *, cursor: str | None, limit: int) -> Page[CardSummary]:
        """Cards at hand that registered agents name, in the order of the first agent that does. May have fewer than ``limit``,
        even none, and a next page: where most of what is named is not at hand."""
        start = decode_cursor(cursor, [int])[0] if cursor is not None else -1
        moment = self._now()
        rows: list[dict[str, Any]] = []
        in_vain, end = 0, None
        for place, (digest, agents) in enumerate(moment.namers.items()):
            if place <= start or digest in moment.absent:
                continue
            card = self._texts.card(digest)
            if card is not None:
                rows.append({"place": place, "summary": _summary(digest, card, agents)})
                if len(rows) > limit:
                    break
                continue
            moment.absent.add(digest)
            in_vain += 1
            if in_vain == MOST_ABSENT:
                end = encode_cursor([place])
                break
        page = page_of(rows, limit, lambda row: [row["place"]])
        return Page[CardSummary](items=tuple(row["summary"] for row in page.items), next=page.next_cursor or end)

    def detail(self, digest: bytes) -> CardDetail:
        """One card; NotFound where it is not at hand."""
        card, agents = self._texts.card(digest), self._now().namers.get(digest, [])
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

    def _now(self) -> _Moment:
        with self._lock:  # who waited here finds what the reader before has read
            block = self._reader.status().indexed
            tip, moment = block.hash if block else "", self._moment
            if moment is None or moment.tip != tip or self._monotonic() >= moment.until_s:
                namers = self._read()
                moment = self._moment = _Moment(tip, self._monotonic() + FRESH_S, namers, set())
            return moment

    def _read(self) -> dict[bytes, list[CardAgent]]:
        namers: dict[bytes, list[CardAgent]] = {}
        files: dict[str, _Named] = {}
        for agent_id, file_digest in self._reader.agent_files(limit=MOST_FILES):
            named = files.get(file_digest) or self._files.get(file_digest) or self._look_at(file_digest)
            if named is None:
                continue
            files[file_digest] = named
            agent = CardAgent(id=agent_id, name=named.name)
            for digest in named.cards:
                namers.setdefault(digest, []).append(agent)
        self._files = files
        return namers

    def _look_at(self, file_digest: str) -> _Named | None:
        registration = self._texts.registration(bytes.fromhex(file_digest[2:]))
        return _Named(registration["name"], tuple(digests_in(registration)[:MOST_OF_AN_AGENT])) if registration else None


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
