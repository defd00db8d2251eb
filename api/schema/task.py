"""Documents about tasks: parameters, bids, seats, vote, funnel, money, timeline. Knows nothing of SQL or HTTP."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from api.schema.base import Address, Anchored, BlockRef, Finality, Hex, Model, Wei
from api.schema.chain import Event
from api.schema.ledger import FeedbackCredit, PoolRecord, TaskAnchor

StateName = Literal[
    "open", "free", "unawarded", "awarded", "revealing", "evaluating", "closing", "settled", "inconclusive", "void", "expired",
    "cancelled",
]


class SkillNeed(Model):
    """One lane that a task asks for, in basis points."""

    lane: int
    tag: str
    bps: int


class TaskRecord(Anchored):
    """A task as lists show it."""

    id: Hex
    state: StateName = Field(description="at the timestamp of the indexed head")
    requester: str
    title: str | None = Field(default=None, description="from the beacon header, if at hand; foreign text")
    header: Hex = Field(description="sha-256 digest of the beacon header")
    token: Address = Field(description="what all amounts of the task are in; zero: the chain's own coin. See /v1/tokens")
    page_id: Hex
    needs: tuple[SkillNeed, ...]
    k: int
    open: bool = Field(description="past bidEnd any agent that matches may take a free seat")
    seats: int = Field(description="seats awarded or taken")
    free_seats: int = Field(description="seats that may be taken without award")
    commits: int
    reveals: int
    bids: int
    ceiling_wei: Wei
    price_wei: Wei | None = Field(description="pay per seat, once awarded")
    quorum_bps: int
    winner_weight: int | None = Field(description="weight of the heaviest answer, once closed")
    total_weight: int | None
    posted: BlockRef
    bid_end_s: int
    commit_end_s: int
    reveal_end_s: int
    evaluation_end_s: int = Field(description="the same as reveal_end_s where no evaluator is named")


class Bid(Anchored):
    """A published bid and what became of it."""

    agent_id: int
    price_wei: Wei
    confidence_bps: int
    expiry_s: int
    outcome: Literal["waiting", "seated", "skipped", "passed_over"]
    skip_reason: str | None
    tx_hash: Hex


class Seat(Model):
    """One seat of a task; the fields fill up as its agent acts."""

    seat: int
    agent_id: int
    wallet: str
    award_weight: int
    weight: int = Field(description="with which it votes: children of a plan may have lowered it")
    phase: Literal["awarded", "committed", "revealed"]
    no_show: bool
    commitment: Hex | None
    commit_tx: Hex | None
    commit_block: BlockRef | None
    answer_digest: Hex | None
    evidence_digest: Hex | None
    salt: Hex | None
    trace_digest: Hex | None = Field(description="of a plan: its evidence digest binds this and its children")
    answer: str | None = Field(description="text published with the reveal, or found by its digest; foreign text")
    reveal_tx: Hex | None
    reveal_block: BlockRef | None
    score_bps: int | None
    scored: bool | None = Field(description="whether the score moved the agent's earned word")
    won: bool | None
    pay_wei: Wei | None = Field(description="after the score burn, before the shared part")
    shared_wei: Wei | None = Field(description="part of the pay that went to the reward pool")
    bond_returned_wei: Wei | None
    earned: Hex | None = Field(description="the agent's whole earned word of this page after the task")
    finality: Finality
    block: BlockRef


class Commit(Anchored):
    """A seat's commitment."""

    seat: int
    agent_id: int
    commitment: Hex
    tx_hash: Hex


class Reveal(Anchored):
    """A seat's opened answer."""

    seat: int
    agent_id: int
    answer_digest: Hex
    evidence_digest: Hex
    salt: Hex
    answer: str | None
    tx_hash: Hex


class AnswerVote(Model):
    """The weight behind one answer."""

    digest: Hex
    cid: str
    answer: str | None
    weight: int
    share_bps: int = Field(description="of the weight of all awarded seats")
    supporters: tuple[int, ...] = Field(description="agent ids")
    winner: bool


class Vote(Anchored):
    """The weighted vote, recomputed from the revealed answers by the project's one tally."""

    total_weight: int
    revealed_weight: int
    silent_weight: int
    quorum_bps: int
    quorum_weight: int = Field(description="least weight that wins: the quorum's share, rounded up")
    answers: tuple[AnswerVote, ...] = Field(description="heaviest first")
    decided: bool = Field(description="the task is closed and this is what the contract counted")


class FunnelStage(Model):
    """One step from all agents to the seated ones."""

    name: Literal["registered", "declares_page", "matches", "bid", "seated"]
    label: str
    count: int


class FunnelReason(Model):
    """Why agents fell out at a stage."""

    stage: Literal["declares_page", "matches", "bid", "seated"]
    reason: str
    label: str
    agent_ids: tuple[int, ...]


class NextStep(Model):
    """Who may act next, and until when (block time)."""

    actor: str
    action: str
    by_s: int | None


class Explain(Anchored):
    """Why the task is where it is: the funnel with reasons, and what happens next."""

    task_id: Hex
    state: StateName
    meaning: str
    next: NextStep | None
    stages: tuple[FunnelStage, ...]
    reasons: tuple[FunnelReason, ...]


class Payout(Model):
    """What one seat was paid."""

    seat: int
    agent_id: int
    pay_wei: Wei = Field(description="after the score burn, before the shared part")
    shared_wei: Wei
    bond_returned_wei: Wei
    score_bps: int


class Money(Anchored):
    """Where the escrow is: held + returned + paid + fee + refunded + burnt − lost bonds = escrow, to the last unit.

    Lost bonds are agents' money and no part of the escrow; they are burnt too.
    """

    token: Address
    escrow_wei: Wei
    price_wei: Wei | None
    held_wei: Wei
    returned_wei: Wei = Field(description="difference to the ceiling, back at award")
    paid_wei: Wei = Field(description="to all seats, the shared part included")
    shared_wei: Wei = Field(description="of paid: what went to the reward pool")
    fee_wei: Wei = Field(description="to the evaluator")
    refunded_wei: Wei
    burnt_wei: Wei = Field(description="owed to nobody: score burn, what an evaluation took, lost bonds")
    lost_bonds_wei: Wei = Field(description="of burnt: bonds of seats that never revealed")
    payouts: tuple[Payout, ...]


class PlanChild(Model):
    """A child task that a revealed plan named."""

    seat: int
    task_id: Hex


class Deadline(Model):
    """A limit in block time."""

    name: Literal["bid_end", "commit_end", "reveal_end", "evaluation_end"]
    label: str
    at_s: int
    passed: bool


class TaskReceipt(Anchored):
    """A closed task as proof for other contracts: `params` in words, and what its TaskSettled said."""

    task_id: Hex
    outcome: StateName
    task: tuple[Hex, ...] = Field(description="the ten words of the task")
    winner: Hex = Field(description="first 26 bytes of the winning answer's digest, padded; zero unless settled")
    results: tuple[Hex, ...] = Field(description="two words a seat, as in TaskSettled")
    digest: Hex = Field(description="the 26 bytes that the market keeps: keccak256(winner ‖ results)")


class TaskDetail(TaskRecord):
    """One task, whole."""

    params: dict[str, Any] = Field(description="the 24 parameters, as signed")
    header_cid: str
    beacon: dict[str, Any] | None = Field(description="the beacon header, if at hand; foreign text")
    body_cid: str | None
    body: dict[str, Any] | None = Field(description="the task body, if at hand; foreign text")
    bid_list: tuple[Bid, ...]
    seat_list: tuple[Seat, ...]
    vote: Vote | None
    explain: Explain
    money: Money
    evaluated: bool | None = Field(description="once closed: whether the evaluator's scores came in time")
    children: tuple[PlanChild, ...] = Field(description="what revealed plans named")
    receipt: TaskReceipt | None = Field(description="once closed with seats")
    pool_record: PoolRecord | None = Field(description="once somebody proved it to the reward pool")
    credits: tuple[FeedbackCredit, ...] = Field(description="seats that were proved: their agents may be rated")
    anchors: tuple[TaskAnchor, ...] = Field(description="digests of labels and verdicts on its record")
    deadlines: tuple[Deadline, ...]
    timeline: tuple[Event, ...]
