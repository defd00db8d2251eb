"""Events in, rows out: one small function per event, chosen by its type. Reads and writes only through `Rows`.

An event without a projection (metadata) stays in the raw logs only.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from indexer.projections import agents, market, money, plans, pool, publications, reputation
from indexer.projections.at import At
from indexer.rows import Rows
from symphony_chain import events as ev
from symphony_chain import ledger_events, reward_events
from symphony_chain.deploy import Deployment

Projection = Callable[[Rows, Any, At], None]


def projections(deployment: Deployment) -> dict[type, Projection]:
    """Event type → what it does to the rows."""
    return _PROJECTIONS | {ev.TaskSettled: partial(market.on_settled, pool=deployment.pool)}


_PROJECTIONS: dict[type, Projection] = {
    # AgentRegistry
    ev.Transfer: agents.on_transfer,
    ev.Registered: agents.on_registered,
    ev.FileSet: agents.on_file_set,
    ev.URIUpdated: agents.on_uri_updated,
    ev.AgentWalletChanged: agents.on_wallet_changed,
    ev.CapabilitiesDeclared: agents.on_declared,
    ev.SkillPagePublished: agents.on_page_published,
    # TaskMarket
    ev.TaskPosted: market.on_posted,
    ev.TaskCancelled: market.on_cancelled,
    ev.BidPosted: market.on_bid,
    ev.BidSkipped: market.on_skipped,
    ev.TaskAwarded: market.on_awarded,
    ev.SeatTaken: market.on_taken,
    ev.AnswerCommitted: market.on_committed,
    ev.AnswerRevealed: market.on_revealed,
    ev.Deposited: money.on_deposited,
    ev.Withdrawn: money.on_withdrawn,
    ev.AgentFunded: money.on_agent_funded,
    ev.PayClaimed: money.on_claimed,
    # Plans
    ev.PlanRevealed: plans.on_plan_revealed,
    # RewardPool
    reward_events.Recorded: pool.on_recorded,
    reward_events.Finalised: pool.on_finalised,
    reward_events.Shared: pool.on_shared,
    # Reputation
    ledger_events.FeedbackOpened: reputation.on_opened,
    ledger_events.NewFeedback: reputation.on_feedback,
    ledger_events.FeedbackRevoked: reputation.on_revoked,
    ledger_events.ResponseAppended: reputation.on_response,
    ledger_events.Anchored: reputation.on_anchored,
    # ReleaseRegistry, DeltaRegistry
    ledger_events.ReleasePublished: publications.on_release,
    ledger_events.ReleaseYanked: publications.on_yanked,
    ledger_events.DeltaPublished: publications.on_delta,
}
