"""Reference model of `contracts/DeltaRegistry.sol`: the same step, errors and event, on the registry's model."""

from __future__ import annotations

from symphony_chain.deltas import NO_HEAD, Delta
from symphony_chain.ledger_events import DeltaPublished, LedgerEvent
from symphony_chain.model.context import Call, ModelRevert
from symphony_chain.model.registry import RegistryModel
from symphony_chain.types import ZERO_ADDRESS


class DeltaModel:
    """Whole lines by (agent, base model); `events` grows with every success."""

    def __init__(self, registry: RegistryModel) -> None:
        self.registry = registry
        self.lines: dict[tuple[int, bytes], list[Delta]] = {}
        self.events: list[LedgerEvent] = []

    def head(self, agent_id: int, base_model: bytes) -> bytes:
        line = self.lines.get((agent_id, base_model))
        return line[-1].head if line else NO_HEAD

    def publish(self, call: Call, delta: Delta) -> None:
        """`call.signer` signed the delta."""
        head = self.head(delta.agent_id, delta.base_model)
        if delta.parent != head:
            raise ModelRevert("StaleParent", parent=delta.parent, head=head)
        owner, wallet = self.registry.owner_and_wallet(delta.agent_id)
        if owner == ZERO_ADDRESS:
            raise ModelRevert("UnknownAgent", agentId=delta.agent_id)
        if call.signer is None and call.sender not in (owner, wallet):
            raise ModelRevert("NotAuthorized", caller=call.sender, expected=wallet)
        if call.signer is not None and call.signer not in (owner, wallet):
            raise ModelRevert("BadSignature", expected=wallet)
        self.lines.setdefault((delta.agent_id, delta.base_model), []).append(delta)
        self.events.append(DeltaPublished(delta))
