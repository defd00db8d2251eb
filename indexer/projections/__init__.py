"""Events in, rows out: one small function per event, chosen by its type. Reads and writes only through `Rows`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from indexer.projections import agents, market, money
from indexer.projections.at import At
from indexer.rows import Rows
from symphony_chain import events as ev

Projection = Callable[[Rows, Any, At], None]

PROJECTIONS: dict[type, Projection] = {
    ev.Transfer: agents.on_transfer,
    ev.Registered: agents.on_registered,
    ev.FileSet: agents.on_file_set,
    ev.URIUpdated: agents.on_uri_updated,
    ev.AgentWalletChanged: agents.on_wallet_changed,
    ev.CapabilitiesDeclared: agents.on_declared,
    ev.SkillPagePublished: agents.on_page_published,
    ev.TaskPosted: market.on_posted,
    ev.TaskCancelled: market.on_cancelled,
    ev.BidPosted: market.on_bid,
    ev.BidSkipped: market.on_skipped,
    ev.TaskAwarded: market.on_awarded,
    ev.AnswerCommitted: market.on_committed,
    ev.AnswerRevealed: market.on_revealed,
    ev.TaskSettled: market.on_settled,
    ev.Deposited: money.on_deposited,
    ev.Withdrawn: money.on_withdrawn,
    ev.AgentFunded: money.on_agent_funded,
    ev.PayClaimed: money.on_claimed,
}


def project(rows: Rows, event: ev.Event, at: At) -> None:
    """Applies one event; an event without a projection (metadata) stays in the raw logs only."""
    projection = PROJECTIONS.get(type(event))
    if projection is not None:
        projection(rows, event, at)
