"""Facts of `replay_ledger` as rows. Part of `expected`: shares nothing with the projections but the schema."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from typing import Any

from indexer.place import Place
from indexer.replay_ledger import LOST, LedgerReplay, text_of
from symphony_chain import ledger_events as le
from symphony_chain import reward_events as re
from symphony_chain.abi import POOL
from symphony_chain.deltas import DELTAS
from symphony_chain.releases import RELEASES
from symphony_chain.reputation import REPUTATION

Row = dict[str, Any]


def ledger_tables(ledger: LedgerReplay) -> dict[str, list[Row]]:
    """Rows per table of the contracts around the market."""
    of: dict[type, list[tuple[Place, Any]]] = defaultdict(list)
    touched: dict[Hashable, int] = {}  # by table and key: the block that touched it last
    epoch_of = {e.task_id: e.epoch for _, e in ledger.accepted if isinstance(e, re.Recorded)}
    for place, event in ledger.accepted:
        of[type(event)].append((place, event))
        for key in _touches(event, epoch_of):
            touched[key] = place.block.number
    return {
        "pool_books": [
            {
                "token": token,
                "block_number": touched["book", token],
                "next_epoch": book.next_epoch,
                "carry_wei": book.carry_wei,
                "owed_wei": book.owed_wei,
            }
            for token, book in ledger.pool.books.items()
        ],
        "pool_epochs": _epochs(ledger, of[re.Finalised], touched),
        "pool_records": [
            {
                "task_id": _hex(e.task_id),
                "block_number": place.block.number,
                "token": e.token,
                "epoch": e.epoch,
                "amount_wei": e.amount_wei,
                "sharing": e.sharing,
                "tx_hash": place.tx,
            }
            for place, e in of[re.Recorded]
        ],
        "pool_shares": [
            _at(
                place,
                task_id=_hex(e.task_id),
                seat=e.seat,
                agent_id=e.agent_id,
                token=e.token,
                given_wei=e.given_wei,
                amount_wei=e.amount_wei,
            )
            for place, e in of[re.Shared]
        ],
        "feedback_clients": [
            {
                "agent_id": agent_id,
                "client": client,
                "block_number": touched["client", agent_id, client],
                "credits": credits,
                "last_index": len(ledger.reputation.entries[agent_id].get(client, [])),
            }
            for (agent_id, client), credits in list(ledger.reputation.credits.items())
        ],
        "feedback_openings": [
            _at(place, task_id=_hex(e.task_id), seat=e.seat, agent_id=e.agent_id, client=e.client)
            for place, e in of[le.FeedbackOpened]
        ],
        "feedback": [_feedback(ledger, place, e, touched) for place, e in of[le.NewFeedback]],
        "feedback_responses": [
            _at(
                place,
                agent_id=e.agent_id,
                client=e.client,
                feedback_index=e.index,
                responder=e.responder,
                uri=text_of(e.uri),
                digest=_hex(e.digest),
            )
            for place, e in of[le.ResponseAppended]
        ],
        "anchors": [
            _at(place, task_id=_hex(e.task_id), by=e.by, kind=_hex(e.kind), digest=_hex(e.digest))
            for place, e in of[le.Anchored]
        ],
        "releases": _releases(ledger),
        "deltas": [
            _at(
                place,
                agent_id=e.delta.agent_id,
                base_model=_hex(e.delta.base_model),
                parent=_hex(e.delta.parent),
                head=_hex(e.delta.head),
                digest=_hex(e.delta.digest),
                codec=e.delta.codec,
                size_bytes=e.delta.size_bytes,
            )
            for place, e in of[le.DeltaPublished]
        ],
    }


def ledger_views(ledger: LedgerReplay) -> list[tuple[str, str, dict[tuple[Any, ...], tuple[Any, ...]]]]:
    """Contract, view, and arguments → what it must answer. Texts are asked for only where they are still the chain's."""
    market, pool, said = ledger.deployment.market, ledger.pool, ledger.reputation
    books = {(market, token): book for token, book in pool.books.items()}
    rated = {
        (agent_id, client, index): entry
        for agent_id, clients in said.entries.items()
        for client, entries in clients.items()
        for index, entry in enumerate(entries, 1)
    }
    readable = {key: e for key, e in rated.items() if LOST not in text_of(e.feedback.tag1 + e.feedback.tag2)}
    published = [facts for facts in ledger.releases.values() if facts.is_readable]
    return [
        (POOL, "owed", {key: (book.owed_wei,) for key, book in books.items()}),
        (
            POOL,
            "bookOf",
            {(m, t): (book.next_epoch, book.carry_wei, pool.rate_wei(t)) for (m, t), book in books.items()},
        ),
        (
            POOL,
            "epochOf",
            {
                (*key, number): (epoch.pot_wei, epoch.given_wei, epoch.reserve_wei, epoch.unpaid_wei)
                for key, book in books.items()
                for number, epoch in book.epochs.items()
            },
        ),
        (
            POOL,
            "recordOf",
            {(market, key): (True, sum(1 << seat for seat in seats)) for key, seats in pool.recorded.items()},
        ),
        (REPUTATION, "creditsOf", {key: (credits,) for key, credits in said.credits.items()}),
        (REPUTATION, "openedOf", {(key,): (sum(1 << s for s in seats),) for key, seats in said.opened.items()}),
        (
            REPUTATION,
            "readFeedback",
            {
                key: (e.feedback.value, e.feedback.decimals, e.feedback.tag1, e.feedback.tag2, e.revoked)
                for key, e in readable.items()
            },
        ),
        (
            REPUTATION,
            "getResponseCount",
            {(*key, ()): (sum(entry.responses.values()),) for key, entry in rated.items()},
        ),
        (
            RELEASES,
            "releaseOf",
            {
                (r.publisher, r.name, r.version): (
                    r.digest,
                    r.codec,
                    r.size_bytes,
                    facts.published.block.timestamp,
                    facts.yanked is not None,
                )
                for facts in published
                for r in [facts.event.release]
            },
        ),
        (
            RELEASES,
            "latestOf",
            {
                (publisher, facts.event.release.name): (facts.event.release.version,)
                for (publisher, _), facts in ledger.latest.items()
                if facts.is_readable
            },
        ),
        (
            DELTAS,
            "headOf",
            {(agent, base): (line[-1].head,) for (agent, base), line in ledger.lines.lines.items()},
        ),
    ]


def _touches(event: Any, epoch_of: dict[bytes, int]) -> Iterable[Hashable]:
    """Rows that an event changes: table and key."""
    match event:
        case re.Recorded() | re.Finalised():
            return [("book", event.token), ("epoch", event.token, event.epoch)]
        case re.Shared():
            return [("book", event.token), ("epoch", event.token, epoch_of[event.task_id])]
        case le.FeedbackOpened():
            return [("client", event.agent_id, event.client)]
        case le.NewFeedback():
            return [("client", event.agent_id, event.client), ("said", event.agent_id, event.client, event.index)]
        case le.FeedbackRevoked() | le.ResponseAppended():
            return [("said", event.agent_id, event.client, event.index)]
        case _:
            return []


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _at(place: Place, **columns: Any) -> Row:
    return {"block_number": place.block.number, "log_index": place.log.log_index, "tx_hash": place.tx, **columns}


def _epochs(
    ledger: LedgerReplay, finalised: list[tuple[Place, Any]], touched: dict[Hashable, int]
) -> list[Row]:
    final = {(e.token, e.epoch): e for _, e in finalised}
    rows = []
    for _, token, number in (key for key in touched if isinstance(key, tuple) and key[0] == "epoch"):
        epoch, said = ledger.pool.books[token].epochs.get(number), final.get((token, number))
        rows.append(
            {
                "token": token,
                "epoch": number,
                "block_number": touched["epoch", token, number],
                "pot_wei": epoch.pot_wei if epoch else 0,
                "given_wei": epoch.given_wei if epoch else 0,
                "released_wei": said.released_wei if said else None,
                "reserved_wei": said.reserved_wei if said else None,
                "left_wei": epoch.reserve_wei if epoch else 0,
                "unpaid_wei": epoch.unpaid_wei if epoch else 0,
            }
        )
    return rows


def _feedback(ledger: LedgerReplay, place: Place, e: le.NewFeedback, touched: dict[Hashable, int]) -> Row:
    entry = ledger.reputation.entries[e.agent_id][e.client][e.index - 1]
    said = entry.feedback
    return {
        "agent_id": e.agent_id,
        "client": e.client,
        "feedback_index": e.index,
        "block_number": touched["said", e.agent_id, e.client, e.index],
        "value": said.value,
        "decimals": said.decimals,
        "tag1": text_of(said.tag1),
        "tag2": text_of(said.tag2),
        "endpoint": text_of(said.endpoint),
        "uri": text_of(said.uri),
        "digest": _hex(said.digest),
        "revoked": entry.revoked,
        "responses": sum(entry.responses.values()),
        "given_block": place.block.number,
        "tx_hash": place.tx,
    }


def _releases(ledger: LedgerReplay) -> list[Row]:
    return [
        {
            "publisher": publisher,
            "name_hash": _hex(name_hash),
            "version": version,
            "block_number": (facts.yanked or facts.published).block.number,
            "name": text_of(facts.event.release.name),
            "kind": _hex(facts.event.release.kind),
            "digest": _hex(facts.event.release.digest),
            "codec": facts.event.release.codec,
            "size_bytes": facts.event.release.size_bytes,
            "yanked": facts.yanked is not None,
            "published_block": facts.published.block.number,
            "published_log_index": facts.published.log.log_index,
            "published_s": facts.published.block.timestamp,
            "tx_hash": facts.published.tx,
        }
        for (publisher, name_hash, version), facts in ledger.releases.items()
    ]
