"""Thinks a trace's thoughts again: whoever has the model can tell whether an agent did what its evidence says.

Exact where engine, weights and machine are the same; text may differ elsewhere, and then says so. Knows no chain and no keys.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent_runtime.errors import NoAnswer
from agent_runtime.reasoning.cot import ThinkingPolicy, Thought, think
from agent_runtime.reasoning.escalation import EscalationPolicy
from symphony_chain.spec import BeaconHeader, TaskBody, Trace

if TYPE_CHECKING:
    from agent_runtime.engines.protocol import Engine


def differences(
    engine: Engine, trace: Trace, header: BeaconHeader, body: TaskBody, *, task_id: bytes, agent_id: int
) -> list[str]:
    """What an honest seat with this engine would have written otherwise; empty if the trace can be repeated.

    Seeds follow from task and agent, the policy is in the trace, and the risk from history is taken as the trace states it (it is
    what the ledger said then). Timings are not compared; texts only where the trace kept them. A person's own answer is not the
    model's, so it is not compared either.
    """
    again = _again(engine, trace, header, body, task_id, agent_id)
    if again is None:
        return ["no chain comes to an answer, so nothing could be committed"]
    honest = Trace.parse(again.trace)
    found = [
        f"{name} is {getattr(trace, name)!r}, and should be {getattr(honest, name)!r}"
        for name in ("header_digest", "prompt_digest", "engine", "model_digest", "sampling", "prompt_tokens")
        if getattr(trace, name) != getattr(honest, name)
    ]
    if len(trace.samples) != len(honest.samples):
        found.append(f"there are {len(trace.samples)} samples, and should be {len(honest.samples)}")
    for number, (said, own) in enumerate(zip(trace.samples, honest.samples, strict=False)):
        same_text = said.text in ("", own.text) or own.text == ""
        if not same_text or replace(said, text="") != replace(own, text=""):
            found.append(f"sample {number} is not what the model writes")
    review = trace.escalation.review if trace.escalation else None
    if review != "answered" and trace.answer != honest.answer:
        found.append(f"the answer is {trace.answer!r}, and the samples vote for {honest.answer!r}")
    if trace.escalation is not None and honest.escalation is not None:
        if replace(trace.escalation, review=None) != honest.escalation:
            found.append("the risk, or what was done about it, does not follow from the samples")
        if again.needs_review and review is None:
            found.append("the risk asks for a person, and nobody was asked")
    return found


def _again(
    engine: Engine, trace: Trace, header: BeaconHeader, body: TaskBody, task_id: bytes, agent_id: int
) -> Thought | None:
    kept = trace.escalation
    policy = ThinkingPolicy(
        samples=trace.sampling.n,
        temperature=trace.sampling.temperature,
        max_tokens=trace.sampling.max_tokens,
        stop=trace.sampling.stop,
        escalation=None if kept is None else EscalationPolicy(kept.extra_samples, kept.medium, kept.high),
    )
    history = kept.risks[0].history if kept is not None and kept.risks else 0.0
    try:
        return think(
            engine, header, body, task_id=task_id, agent_id=agent_id, policy=policy, clock=lambda: 0.0, history=history
        )
    except NoAnswer:
        return None
