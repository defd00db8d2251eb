"""Whether to bid on a task, at which price, with which confidence. Pure: facts in, an offer or a refusal with a reason code out.

    match       from the ledger: the agent's declared word against the task's requirement
    confidence  what share of the agent's scored seats on these skills it won; where it has little memory, what its calibration
                says of them, or a prior
    price       tokens · rate · (1 + margin) · (1 + surge · load), at least the floor, and what pool and burn take on top; the
                ceiling pays, or there is no bid

Taking a free seat of an open task is the same decision, at the ceiling.

Knows no keys and no chain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from symphony_chain.model.tally import match_bps
from symphony_chain.skills import DEFAULT_PAGE_ID, DEFAULT_TAGS, FULL_SCALE, unpack_word
from symphony_chain.types import NATIVE, Kind, Task


class Reason(StrEnum):
    """Why an agent does not bid; the code that logs, `agent status` and `task explain` show."""

    SPEC_UNAVAILABLE = "spec_unavailable"  # no provider delivers header or body
    SPEC_INVALID = "spec_invalid"  # header or body is malformed, or contradicts the task on chain
    FORMAT_UNSUPPORTED = "format_unsupported"  # an answer format that this version cannot settle
    KIND_UNSUPPORTED = "kind_unsupported"  # not an answer task
    TOKEN_UNSUPPORTED = "token_unsupported"  # paid in an ERC-20 for which the configuration names no rate
    PAGE_UNKNOWN = "page_unknown"  # the skill page is none that this agent declares
    PROMPT_TOO_LONG = "prompt_too_long"  # the model's context has no room for question and answer
    MATCH_LOW = "match_low"  # below the task's minimum, or the agent's own
    PRICE_LOW = "price_low"  # the ceiling does not cover the cost
    BOND_UNFUNDED = "bond_unfunded"  # the agent's account does not cover the bond
    OWNER_SEATED = "owner_seated"  # another agent of this owner has a seat already
    TOO_LATE = "too_late"  # bidding ends, the seats are gone, or the windows are too short for this agent's speed
    BUSY = "busy"  # all places are taken; asked again while there is a seat to be had


#: Refusals that may turn into a bid or a seat while there is one to be had.
TRANSIENT = frozenset({Reason.SPEC_UNAVAILABLE, Reason.BUSY, Reason.BOND_UNFUNDED})


@dataclass(frozen=True, slots=True)
class Refusal:
    """No bid, and why."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A bid's terms, unsigned."""

    price_wei: int
    confidence_bps: int
    expiry_s: int
    match_bps: int


@dataclass(frozen=True, slots=True)
class BidPolicy:
    """What an agent wants: money per token, how full it may get, how careful it is with time.

    Attributes:
        wei_per_token: cost of one generated or read token, in native coins.
        rates: ERC-20 contract → the same cost in its smallest units; other ERC-20s are refused.
        margin_bps: profit on top of the cost.
        surge_bps: how much dearer the last free place is than the first.
        floor_wei: never work below this much of native coins.
        min_match_bps: own minimum on top of the task's.
        max_seats: seats and open bids held at a time.
        bid_margin_s: a bid must be out so long before bidding ends.
        min_reveal_window_s: shorter reveal windows are refused.
        safety_percent: estimated thinking time is multiplied by this.
        prior_bps, prior_strength: confidence without memory and calibration, and how many scored seats either counts for.
    """

    wei_per_token: int = 10**9
    rates: Mapping[str, int] = field(default_factory=dict)
    margin_bps: int = 1_000
    surge_bps: int = 5_000
    floor_wei: int = 0
    min_match_bps: int = 1
    max_seats: int = 32
    bid_margin_s: int = 2
    min_reveal_window_s: int = 5
    safety_percent: int = 150
    prior_bps: int = 5_000
    prior_strength: int = 4


@dataclass(frozen=True, slots=True)
class Standing:
    """The agent as the chain and its own clock show it now.

    Attributes:
        declared: declared word on the task's page; None where it declares nothing there.
        scores: (Σ requirement, Σ requirement · score) per (page, lane), from settled tasks.
        free_wei: money of the agent's account that can back a bond, in the task's token.
        load: seats and open bids held.
        queue_s: estimated seconds of thinking already promised.
        burn_bps: share of this task's pay that is burnt where it moves scores.
        priors_bps: tag → share of tasks that this agent gets right, where its calibration has measured it.
    """

    declared: int | None
    scores: Mapping[tuple[bytes, int], tuple[int, int]]
    free_wei: int
    load: int
    queue_s: float
    burn_bps: int = 0
    priors_bps: Mapping[str, int] = field(default_factory=dict)


#: Weight of the newest thought in an agent's estimate of its own pace.
PACE_STEP = 0.2


@dataclass(frozen=True, slots=True)
class Effort:
    """What the task will cost this agent: tokens (prompt and all samples) and seconds."""

    tokens: int
    thinking_s: float


def screen_task(task: Task, declared: int | None, timestamp_s: int, policy: BidPolicy) -> Refusal | None:
    """What can be told from the task on chain alone, before anything is fetched."""
    if task.kind != Kind.ANSWER:
        return Refusal(Reason.KIND_UNSUPPORTED, f"kind {task.kind}")
    if task.token != NATIVE and task.token not in policy.rates:
        return Refusal(Reason.TOKEN_UNSUPPORTED, f"token {task.token}")
    if declared is None:
        return Refusal(Reason.PAGE_UNKNOWN, f"page 0x{task.page_id.hex()}")
    match = match_bps(declared, task.requirement)
    wanted = max(task.min_match_bps, policy.min_match_bps)
    if match < wanted:
        return Refusal(Reason.MATCH_LOW, f"match {match}, wanted {wanted}")
    if 0 <= task.bid_end_s - timestamp_s < policy.bid_margin_s:
        return Refusal(Reason.TOO_LATE, f"bidding ends in {task.bid_end_s - timestamp_s} s")
    if task.reveal_window_s < policy.min_reveal_window_s:
        return Refusal(Reason.TOO_LATE, f"the reveal window of {task.reveal_window_s} s is too short")
    return None


def decide(task: Task, effort: Effort, standing: Standing, timestamp_s: int, policy: BidPolicy) -> Offer | Refusal:
    """The terms of a bid on a task whose whole specification is known and verified; once bidding is over, of a free seat."""
    refusal = screen_task(task, standing.declared, timestamp_s, policy)
    if refusal is not None:
        return refusal
    assert standing.declared is not None
    if standing.load >= policy.max_seats:
        return Refusal(Reason.BUSY, f"{standing.load} of {policy.max_seats} places are taken")
    ready_s = timestamp_s + (standing.queue_s + effort.thinking_s) * policy.safety_percent / 100
    if ready_s > task.commit_end_s:
        return Refusal(Reason.TOO_LATE, f"the answer would be {ready_s - task.commit_end_s:.0f} s late")
    if standing.free_wei < task.bond_wei:
        return Refusal(Reason.BOND_UNFUNDED, f"the account has {standing.free_wei} wei, the bond is {task.bond_wei} wei")
    price_wei = ask_wei(task, effort, standing, policy)
    if price_wei is None or price_wei > task.ceiling_wei:
        return Refusal(Reason.PRICE_LOW, f"ceiling {task.ceiling_wei} wei, asked {price_wei} wei")
    taking = timestamp_s > task.bid_end_s
    return Offer(
        price_wei=task.ceiling_wei if taking else price_wei,
        confidence_bps=confidence_bps(task, standing.scores, policy, standing.priors_bps),
        expiry_s=task.bid_end_s,
        match_bps=match_bps(standing.declared, task.requirement),
    )


def ask_wei(task: Task, effort: Effort, standing: Standing, policy: BidPolicy) -> int | None:
    """Price of a seat in the smallest unit of the task's token, rounded up; None where nothing of it would reach the agent."""
    native = task.token == NATIVE
    rate = policy.wei_per_token if native else policy.rates[task.token]
    cost = effort.tokens * rate * (FULL_SCALE + policy.margin_bps)
    surge = FULL_SCALE * policy.max_seats + policy.surge_bps * standing.load
    wanted = max(policy.floor_wei if native else 0, -(-cost * surge // (FULL_SCALE * FULL_SCALE * policy.max_seats)))
    kept = (FULL_SCALE - standing.burn_bps) * (FULL_SCALE - task.shared_bps)
    return -(-wanted * FULL_SCALE * FULL_SCALE // kept) if kept else None


def confidence_bps(
    task: Task,
    scores: Mapping[tuple[bytes, int], tuple[int, int]],
    policy: BidPolicy,
    priors_bps: Mapping[str, int] | None = None,
) -> int:
    """Posterior mean of being right: remembered scores per skill, weighted as the task weighs the skills, and a prior."""
    measured = (priors_bps or {}) if task.page_id == DEFAULT_PAGE_ID else {}
    total = weighted = 0
    for lane, requirement in enumerate(unpack_word(task.requirement)):
        if not requirement:
            continue
        seen, score = scores.get((task.page_id, lane), (0, 0))
        prior_bps = measured.get(DEFAULT_TAGS[lane], policy.prior_bps)
        # A seat that used a skill by half counts as half a memory of it.
        mean = (prior_bps * policy.prior_strength * FULL_SCALE + score) // (policy.prior_strength * FULL_SCALE + seen)
        total += requirement
        weighted += requirement * mean
    return weighted // total
