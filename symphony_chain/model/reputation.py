"""Reference model of `contracts/Reputation.sol`: the same steps, errors, events and views, on the models of registry and market.

Means are taken in fractions and cut at the end. Written to be read, not to be fast.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from symphony_chain.ledger_events import (
    Anchored,
    FeedbackOpened,
    FeedbackRevoked,
    LedgerEvent,
    NewFeedback,
    ResponseAppended,
)
from symphony_chain.model.context import Call, ModelRevert
from symphony_chain.model.market import MarketModel
from symphony_chain.model.registry import RegistryModel
from symphony_chain.reputation import (
    MAX_DECIMALS,
    MAX_TAG_BYTES,
    MAX_VALUE,
    SUCCESS_RATE,
    Feedback,
    FeedbackEntry,
    Summary,
)
from symphony_chain.types import ZERO_ADDRESS, Receipt, State


@dataclass(slots=True)
class Entry:
    """One feedback and what came to it, by responder."""

    feedback: Feedback
    responses: dict[str, int]
    revoked: bool = False


class ReputationModel:
    """Feedback and anchors as a state machine; `events` grows with every success. `market_address`: the market as a client."""

    def __init__(self, registry: RegistryModel, market: MarketModel, market_address: str) -> None:
        self.registry = registry
        self.market = market
        self.market_address = market_address
        self.opened: dict[bytes, set[int]] = defaultdict(set)
        self.credits: dict[tuple[int, str], int] = defaultdict(int)
        self.entries: dict[int, dict[str, list[Entry]]] = defaultdict(dict)  # agent → client → by index
        self.events: list[LedgerEvent] = []

    # --- steps ---

    def open(self, call: Call, receipt: Receipt, seat: int) -> None:
        task_id = self._check(receipt)
        if seat >= len(receipt.results) or not receipt.results[seat].revealed:
            raise ModelRevert("NotRevealed", taskId=task_id, seat=seat)
        if seat in self.opened[task_id]:
            raise ModelRevert("AlreadyOpened", taskId=task_id, seat=seat)
        self.opened[task_id].add(seat)
        agent_id, client = receipt.results[seat].agent_id, receipt.task.requester
        self.credits[agent_id, client] += 1
        self.events.append(FeedbackOpened(task_id, agent_id, client, seat))

    def give_feedback(self, call: Call, agent_id: int, feedback: Feedback) -> None:
        if feedback.decimals > MAX_DECIMALS or abs(feedback.value) > MAX_VALUE:
            raise ModelRevert("ValueOutOfRange", value=feedback.value, valueDecimals=feedback.decimals)
        for tag in (feedback.tag1, feedback.tag2):
            if len(tag.encode()) > MAX_TAG_BYTES:
                raise ModelRevert("TagTooLong", length=len(tag.encode()), max=MAX_TAG_BYTES)
        if not self.credits[agent_id, call.sender]:
            raise ModelRevert("NothingOpen", agentId=agent_id, client=call.sender)
        if self._is_self(agent_id, call.sender):
            raise ModelRevert("SelfFeedback", agentId=agent_id, client=call.sender)
        self.credits[agent_id, call.sender] -= 1
        entries = self.entries[agent_id].setdefault(call.sender, [])
        entries.append(Entry(feedback, defaultdict(int)))
        self.events.append(NewFeedback(agent_id, call.sender, len(entries), feedback))

    def revoke_feedback(self, call: Call, agent_id: int, index: int) -> None:
        entry = self._entry(agent_id, call.sender, index)
        if entry.revoked:
            raise ModelRevert("AlreadyRevoked", agentId=agent_id, feedbackIndex=index)
        entry.revoked = True
        self.events.append(FeedbackRevoked(agent_id, call.sender, index))

    def append_response(
        self, call: Call, agent_id: int, client: str, index: int, uri: str, digest: bytes
    ) -> None:
        entry = self._entry(agent_id, client, index)
        if not uri:
            raise ModelRevert("EmptyResponse")
        entry.responses[call.sender] += 1
        self.events.append(ResponseAppended(agent_id, client, index, call.sender, uri, digest))

    def anchor(self, call: Call, receipt: Receipt, kind: bytes, digest: bytes) -> None:
        task_id = self._check(receipt)
        if call.sender not in (receipt.task.requester, receipt.task.evaluator):
            raise ModelRevert("NotOfTask", taskId=task_id, caller=call.sender)
        self.events.append(Anchored(task_id, call.sender, kind, digest))

    # --- views ---

    def clients(self, agent_id: int) -> tuple[str, ...]:
        market = (self.market_address,) if self._settled(agent_id)[0] else ()
        return (*market, *self.entries[agent_id])

    def summary(self, agent_id: int, clients: Sequence[str], tag1: str = "", tag2: str = "") -> Summary:
        """Mean of the clients' ratings; the market rates every closed seat 100 (won) or 0, with two decimals."""
        if not clients:
            raise ModelRevert("NoClients")
        ratings = [
            (Fraction(e.value, 10**e.decimals), e.decimals)
            for e in self.feedback(agent_id, clients, tag1, tag2)
        ]
        for client in clients:
            if client == self.market_address and tag1 in ("", SUCCESS_RATE) and not tag2:
                seats, won = self._settled(agent_id)
                ratings += [(Fraction(100), 2)] * won + [(Fraction(0), 2)] * (seats - won)
        if not ratings:
            return Summary(0, 0, 0)
        given = [decimals for _, decimals in ratings]
        decimals = max(range(MAX_DECIMALS + 1), key=lambda d: (given.count(d), -d))
        mean = sum((rating for rating, _ in ratings), Fraction()) / len(ratings)
        while not -(1 << 127) <= int(mean * 10**decimals) < 1 << 127:
            decimals -= 1
        return Summary(len(ratings), int(mean * 10**decimals), decimals)

    def feedback(
        self,
        agent_id: int,
        clients: Sequence[str] = (),
        tag1: str = "",
        tag2: str = "",
        include_revoked: bool = False,
    ) -> list[FeedbackEntry]:
        found = []
        for client in clients or tuple(self.entries[agent_id]):
            for index, entry in enumerate(self.entries[agent_id].get(client, ()), 1):
                f = entry.feedback
                if tag1 in ("", f.tag1) and tag2 in ("", f.tag2) and (include_revoked or not entry.revoked):
                    found.append(
                        FeedbackEntry(client, index, f.value, f.decimals, f.tag1, f.tag2, entry.revoked)
                    )
        return found

    def responses(self, agent_id: int, client: str, index: int = 0, responders: Sequence[str] = ()) -> int:
        if client == ZERO_ADDRESS:
            return sum(self.responses(agent_id, one, 0, responders) for one in self.entries[agent_id])
        entries = self.entries[agent_id].get(client, [])
        chosen = entries[index - 1 : index] if index else entries
        return sum(
            sum(entry.responses.get(by, 0) for by in responders)
            if responders
            else sum(entry.responses.values())
            for entry in chosen
        )

    # --- inside ---

    def _check(self, receipt: Receipt) -> bytes:
        task_id = self.market.task_id_of(receipt.task)
        outcome, _, digest = self.market.receipt(task_id)
        if outcome is State.NONE or digest != receipt.digest():
            raise ModelRevert("NoSuchReceipt", taskId=task_id)
        return task_id

    def _is_self(self, agent_id: int, client: str) -> bool:
        agent = self.registry.agents[agent_id]
        operator = (agent.owner, client) in self.registry.operators
        return operator or client in (agent.owner, agent.approved, agent.wallet)

    def _entry(self, agent_id: int, client: str, index: int) -> Entry:
        entries = self.entries[agent_id].get(client, [])
        if not 1 <= index <= len(entries):
            raise ModelRevert("NoSuchFeedback", agentId=agent_id, client=client, feedbackIndex=index)
        return entries[index - 1]

    def _settled(self, agent_id: int) -> tuple[int, int]:
        """Seats closed, and of these won, in tasks of the token that reputation counts in."""
        account = self.market.accounts.get((agent_id, self.market.rules.token))
        return (account.seats, account.won) if account else (0, 0)
