"""From a seat's trace to what the task page shows of it. Pure; every text in it is a stranger's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from api.assemble import digest_of
from api.schema.task import Seat
from symphony_chain.skills import FULL_SCALE
from symphony_chain.spec import answer_digest


@dataclass(frozen=True, slots=True)
class Chain:
    """One chain of thought. ``likely_bps``: the geometric mean of its tokens' probabilities."""

    number: int
    text: str
    answer: str | None
    tokens: int
    likely_bps: int
    agrees: bool


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What one seat wrote on the way to its answer; ``faults``: how the trace contradicts the chain."""

    agent_id: int
    answer: str | None
    chains: tuple[Chain, ...]
    agreeing: int
    engine: str
    model: str
    adapters: tuple[str, ...]
    temperature: float
    tokens: int
    thinking_s: float | None
    review: str | None
    faults: tuple[str, ...]


def reasoning_of(seat: Seat, header: str, trace: dict[str, Any]) -> Reasoning:
    """The reasoning in a trace document.

    Args:
        header: the digest of the task's header.
    """
    answer = trace["answer"]
    chains = tuple(
        Chain(
            number,
            sample["text"],
            sample["answer"],
            sample["tokens"],
            round(FULL_SCALE * math.exp(sample["mean_logprob"])),
            sample["answer"] is not None and sample["answer"] == answer,
        )
        for number, sample in enumerate(trace["samples"], 1)
    )
    faults = []
    if digest_of(trace["header_digest"]) != digest_of(header):
        faults.append("It was written for another task.")
    if answer is None or answer_digest(answer.encode()) != digest_of(seat.answer_digest or ""):
        faults.append("It comes to another answer than the seat opened.")
    return Reasoning(
        agent_id=seat.agent_id,
        answer=answer,
        chains=chains,
        agreeing=sum(chain.agrees for chain in chains),
        engine=trace["engine"],
        model=trace["model_digest"],
        adapters=tuple(trace["adapter_digests"]),
        temperature=trace["sampling"]["temperature"],
        tokens=sum(chain.tokens for chain in chains),
        thinking_s=trace["timings"].get("thinking_s"),
        review=(trace.get("escalation") or {}).get("review"),
        faults=tuple(faults),
    )
