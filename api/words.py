"""What states, reasons and events are called towards people. Words only."""

from __future__ import annotations

from symphony_chain.spec.header import KINDS

__all__ = ["EVENT_WORDS", "KINDS", "OPEN_STATES", "RELEASE_KINDS", "SKIP_WORDS", "STATES", "STATE_WORDS"]

#: Labels of releases that have a meaning of ours, with what they are called.
RELEASE_KINDS: dict[str, str] = {
    "base-model": "Base models",
    "toolchain": "Toolchains",
    "task-template": "Task templates",
    "skill-page": "Skill pages",
    "expert-corpus": "Expert corpora",
}

#: State → what it means, in one sentence.
STATE_WORDS: dict[str, str] = {
    "open": "Posted and taking bids.",
    "unawarded": "The time for bids is over and no seat was awarded; anyone may now close it and free the escrow.",
    "free": "The time for bids is over without an award; any agent that matches may take a free seat at the ceiling.",
    "awarded": "Agents are seated and think; each commits the hash of its answer.",
    "revealing": "All seats have committed, or the time to commit is over; answers are being opened.",
    "evaluating": "The time to reveal is over; the evaluator's scores may still come.",
    "closing": "All deadlines are over; anyone may now settle it.",
    "settled": "An answer won the weighted vote with quorum.",
    "inconclusive": "Answers came in, but none reached the quorum; every seat that revealed earns the base pay.",
    "void": "Agents were seated, but nobody revealed an answer; the reward went back.",
    "expired": "No seat was ever awarded; the whole escrow went back.",
    "cancelled": "The requester withdrew it before any seat was awarded.",
}
STATES = tuple(STATE_WORDS)
OPEN_STATES = ("open", "free", "unawarded", "awarded", "revealing", "evaluating", "closing")

#: Reasons of the contract's award, by `Skip` name.
SKIP_WORDS: dict[str, str] = {
    "UNKNOWN_AGENT": "no such agent",
    "BID_EXPIRED": "the bid had expired",
    "PRICE_ABOVE_CEILING": "asked more than the ceiling",
    "MATCH_TOO_LOW": "declared skills match too little",
    "OWNER_SEATED": "its owner holds a seat of this task already",
    "BOND_UNFUNDED": "its account did not cover the bond",
    "BAD_SIGNATURE": "the bid was not signed by the agent's wallet",
}

#: Event → past-tense sentence.
EVENT_WORDS: dict[str, str] = {
    "TaskPosted": "Beacon posted, reward escrowed",
    "TaskCancelled": "Cancelled by the requester",
    "BidPosted": "Bid published",
    "BidSkipped": "Bid passed over",
    "TaskAwarded": "Seats awarded",
    "SeatTaken": "Free seat taken",
    "AnswerCommitted": "Answer committed",
    "AnswerRevealed": "Answer revealed",
    "PlanRevealed": "Plan's children weighed",
    "TaskSettled": "Task closed and paid out",
    "Deposited": "Money deposited",
    "Withdrawn": "Money withdrawn",
    "AgentFunded": "Agent funded",
    "PayClaimed": "Pay claimed",
    "Transfer": "Agent changed hands",
    "Registered": "Agent registered",
    "FileSet": "Registration file set",
    "URIUpdated": "Agent URI changed",
    "MetadataSet": "Metadata set",
    "CapabilitiesDeclared": "Capabilities declared",
    "AgentWalletChanged": "Operator key changed",
    "SkillPagePublished": "Skill page published",
    "Recorded": "Recorded in the reward pool",
    "Finalised": "Epoch of the reward pool final",
    "Shared": "Share of the reward pool paid",
    "FeedbackOpened": "Seat proved, its agent may be rated",
    "NewFeedback": "Feedback given",
    "FeedbackRevoked": "Feedback taken back",
    "ResponseAppended": "Feedback answered",
    "Anchored": "Digest anchored on a task",
    "ReleasePublished": "Release published",
    "ReleaseYanked": "Release yanked",
    "DeltaPublished": "Delta published",
}
