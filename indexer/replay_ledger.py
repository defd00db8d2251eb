"""The audit's reading of the pool, of what is said of agents, and of what they publish: each event is a step of the
reference model, and must be the event that the model makes of it. Part of `replay`. Knows no SQL and no projection code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from eth_utils.crypto import keccak

from indexer.place import Place
from indexer.report import Difference
from symphony_chain import ledger_events as le
from symphony_chain import reward_events as re
from symphony_chain.deploy import Deployment
from symphony_chain.model.context import Call, ModelRevert
from symphony_chain.model.deltas import DeltaModel
from symphony_chain.model.market import MarketModel
from symphony_chain.model.reputation import ReputationModel
from symphony_chain.model.reward_pool import RewardPoolModel
from symphony_chain.rewards import PoolTerms
from symphony_chain.types import Receipt

#: What stands in a text for what was no UTF-8, or a NUL: such a text is not that of the chain any more.
LOST = "\ufffd"


def text_of(value: str) -> str:
    """A stranger's text as every database can hold it."""
    return value.replace("\0", LOST)


class _Pool(RewardPoolModel):
    """Without the money, which the market's own events tell."""

    def _pay(self, call: Call, token: str, agent_id: int, amount_wei: int) -> None:
        pass


@dataclass(slots=True)
class ReleaseFacts:
    """A release as published last, and the places where that was said."""

    published: Place
    event: le.ReleasePublished
    yanked: Place | None = None

    @property
    def is_readable(self) -> bool:
        """Whether its texts can be asked the contract for."""
        return LOST not in text_of(self.event.release.name + self.event.release.version)


@dataclass(slots=True)
class LedgerReplay:
    """Facts of the contracts around the market; `market` holds every task's record and is only looked at.

    Args:
        receipt_of: the receipt of a closed task; raises KeyError where there is none.
        report: takes what contradicts the rules.
    """

    deployment: Deployment
    market: MarketModel
    terms: PoolTerms
    receipt_of: Callable[[bytes], Receipt]
    report: Callable[[Difference], None]
    pool: RewardPoolModel = field(init=False)
    reputation: ReputationModel = field(init=False)
    lines: DeltaModel = field(init=False)
    accepted: list[tuple[Place, Any]] = field(default_factory=list)  # all events that are ours, in order
    releases: dict[tuple[str, bytes, str], ReleaseFacts] = field(default_factory=dict)
    latest: dict[tuple[str, bytes], ReleaseFacts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        where, terms = self.deployment, self.terms
        self.pool = _Pool(self.market, where.market, where.pool, terms.epoch_s, terms.delay, terms.spread)
        self.reputation = ReputationModel(self.market.registry, self.market, where.market)
        self.lines = DeltaModel(self.market.registry)

    def readers(self) -> dict[type, Callable[[Place, Any], None]]:
        """Event type → what takes it."""
        return {
            re.Recorded: self._recorded,
            re.Finalised: self._finalised,
            re.Shared: self._shared,
            le.FeedbackOpened: self._opened,
            le.NewFeedback: self._feedback,
            le.FeedbackRevoked: self._revoked,
            le.ResponseAppended: self._responded,
            le.Anchored: self._anchored,
            le.ReleasePublished: self._published,
            le.ReleaseYanked: self._yanked,
            le.DeltaPublished: self._delta,
        }

    def _step(self, place: Place, event: Any, made: list[Any], step: Callable[[Call], object], sender: str) -> None:
        """Takes a step of a model; the event must be the one that it makes."""
        before = len(made)
        try:
            step(Call(sender, place.block.timestamp))
            want: object = made[-1] if len(made) > before else None
        except ModelRevert as refusal:
            want = refusal.message
        if want == event:
            self.accepted.append((place, event))
        else:
            self._refuse(place, event, want)

    def _refuse(self, place: Place, event: Any, want: object) -> None:
        key = [place.block.number, place.log.log_index]
        self.report(Difference("chain", key, type(event).__name__, repr(event), repr(want)))

    # --- RewardPool: anybody takes its steps ---

    def _recorded(self, place: Place, e: re.Recorded) -> None:
        receipt = self.receipt_of(e.task_id)
        self._step(place, e, self.pool.events, lambda call: self.pool.record(call, receipt), e.market)

    def _finalised(self, place: Place, e: re.Finalised) -> None:
        self._step(place, e, self.pool.events, lambda call: self.pool.advance(call, e.token, 1), e.market)

    def _shared(self, place: Place, e: re.Shared) -> None:
        receipt = self.receipt_of(e.task_id)
        self._step(place, e, self.pool.events, lambda call: self.pool.share(call, receipt, e.seat), e.market)

    # --- Reputation ---

    def _opened(self, place: Place, e: le.FeedbackOpened) -> None:
        model, receipt = self.reputation, self.receipt_of(e.task_id)
        self._step(place, e, model.events, lambda call: model.open(call, receipt, e.seat), e.client)

    def _feedback(self, place: Place, e: le.NewFeedback) -> None:
        """The contract measures tags as the bytes that they were, which we no longer have."""
        model, made = self.reputation, self.reputation.events

        def step(call: Call) -> None:
            model.give_feedback(call, e.agent_id, replace(e.feedback, tag1="", tag2=""))
            model.entries[e.agent_id][e.client][-1].feedback = e.feedback
            last = made[-1]
            assert isinstance(last, le.NewFeedback)
            made[-1] = replace(last, feedback=e.feedback)

        self._step(place, e, made, step, e.client)

    def _revoked(self, place: Place, e: le.FeedbackRevoked) -> None:
        model = self.reputation
        self._step(place, e, model.events, lambda call: model.revoke_feedback(call, e.agent_id, e.index), e.client)

    def _responded(self, place: Place, e: le.ResponseAppended) -> None:
        model = self.reputation
        self._step(
            place,
            e,
            model.events,
            lambda call: model.append_response(call, e.agent_id, e.client, e.index, e.uri, e.digest),
            e.responder,
        )

    def _anchored(self, place: Place, e: le.Anchored) -> None:
        model, receipt = self.reputation, self.receipt_of(e.task_id)
        self._step(place, e, model.events, lambda call: model.anchor(call, receipt, e.kind, e.digest), e.by)

    # --- what is published by digest ---

    def _published(self, place: Place, e: le.ReleasePublished) -> None:
        """A version names one digest for ever: it cannot come twice, unless its text was lost."""
        key = (e.release.publisher, e.name_hash, text_of(e.release.version))
        facts = ReleaseFacts(place, e)
        if facts.is_readable and (key in self.releases or e.name_hash != keccak(text=e.release.name)):
            self._refuse(place, e, None)
        self.releases[key] = self.latest[key[:2]] = facts

    def _yanked(self, place: Place, e: le.ReleaseYanked) -> None:
        facts = self.releases[e.publisher, e.name_hash, text_of(e.version)]
        if facts.is_readable and facts.yanked is not None:
            self._refuse(place, e, None)
        facts.yanked = place

    def _delta(self, place: Place, e: le.DeltaPublished) -> None:
        """Who published it the event does not say: the owner may at any rate."""
        owner = self.market.registry.owner_and_wallet(e.delta.agent_id)[0]
        self._step(place, e, self.lines.events, lambda call: self.lines.publish(call, e.delta), owner)
