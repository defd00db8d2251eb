"""The market's rules without a chain: who bids and is seated, how seats weigh, what a settlement does to the earned words.

Bids, screen, tally and settlement are the ones of the live market; only blocks, keys and deadlines are left out. A market has a
history: tasks change what agents have earned. Knows no engines.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from random import Random
from typing import Literal

from agent_runtime.bidding import PACE_STEP, BidPolicy, Effort, Offer, Standing, decide
from agent_runtime.chain_book import Scores, with_score
from agent_runtime.evaluation.pool import Agent
from agent_runtime.evaluation.suites import requirement
from agent_runtime.model.datasets import TaskItem, is_right
from agent_runtime.routing.screen import Candidate, Router
from agent_runtime.task_request import TaskRequest, build
from symphony_chain.model.tally import (
    ANSWER_BYTES,
    ScoreRules,
    Vote,
    match_bps,
    proven_match_bps,
    seat_weight,
    settle,
    tally,
)
from symphony_chain.skills import FULL_SCALE
from symphony_chain.spec import answer_digest
from symphony_chain.types import ZERO_ADDRESS, State, Task

#: How seats weigh: all the same, by their proven match, or by its square, as the contract has it.
Weighting = Literal["majority", "linear", "squared"]
WEIGHTINGS: tuple[Weighting, ...] = ("majority", "linear", "squared")


@dataclass(frozen=True, slots=True)
class Settled:
    """How one task ended: the heaviest answer (None where nobody gave one), and whether it reached the quorum."""

    answer: bytes | None
    settled: bool


@dataclass
class _Standing:
    """What the ledger holds of one agent, and the agent's own guess of its effort."""

    earned: int = 0
    scores: Scores = field(default_factory=dict)
    seats: int = 0
    tokens: float = 0.0


class OfflineMarket:
    """One market's life over a stream of tasks.

    Args:
        weighting: how seats weigh.
        gold: share of the tasks, drawn by ``seed``, whose evaluator knows the answer: its scores replace the vote's.
        router: orders the bids. policy: of every bidder.
        tokens: first guess of what a seat takes.
    """

    def __init__(
        self,
        pool: Sequence[Agent],
        *,
        weighting: Weighting = "squared",
        gold: float = 0.0,
        seed: int = 0,
        router: Router | None = None,
        policy: BidPolicy | None = None,
        tokens: float = 1_000.0,
    ) -> None:
        self._pool = list(pool)
        self._weighting = weighting
        self._gold = gold
        self._seed = seed
        self._router = router
        self._policy = policy or BidPolicy()
        self._agents = [_Standing(tokens=tokens) for _ in pool]
        # Agents that are alike in everything go by their number: which one is first must not depend on the file that names them.
        self._ids = list(range(1, len(pool) + 1))
        Random(f"ids/{seed}").shuffle(self._ids)

    def earned_bps(self, agent: int, task: TaskItem) -> int:
        """The agent's earned word against what the task asks for."""
        return match_bps(self._agents[agent].earned, task_of(task).requirement)

    def seat(self, task: TaskItem, seats: int) -> list[int]:
        """Places in the pool of the agents that are seated: those that bid, in the router's order, the first ``seats``."""
        assert self._router is not None
        terms, offers = task_of(task, k=seats), {}
        for place, agent in enumerate(self._pool):
            offer = decide(terms, self._effort(place), self._standing(place, agent), 0, self._policy)
            if isinstance(offer, Offer):
                offers[place] = offer
        candidates = [self._candidate(place, offer, terms) for place, offer in offers.items()]
        if not candidates:
            return []
        ranked = self._router.rank(candidates, ceiling_wei=terms.ceiling_wei, limit=seats)
        return [self._ids.index(item.candidate.agent_id) for item in ranked]

    def close(self, task: TaskItem, answers: Mapping[int, bytes | None], tokens: Mapping[int, int] | None = None) -> Settled:
        """Settles a task by its seats' answers (place in the pool → answer, None: not revealed), and moves what they earned.

        ``tokens`` are those that each seat read and generated: what the agent will expect of its next task.
        """
        places = list(answers)
        if not places:
            return Settled(None, settled=False)
        terms, task_id = task_of(task, k=len(places)), task_id_of(task)
        digests = [None if a is None else answer_digest(a)[:ANSWER_BYTES] for a in answers.values()]
        by_digest = dict(zip(digests, answers.values(), strict=True))
        votes = [Vote(self._weight(place, terms), digest) for place, digest in zip(places, digests, strict=True)]
        outcome = tally(task_id, votes, terms.quorum_bps, terms.min_seats)
        scores = self._gold_scores(task, [answers[place] for place in places])
        settled = settle(
            task_id,
            terms,
            terms.ceiling_wei,
            votes,
            [self._ids[place] for place in places],
            [self._agents[place].earned for place in places],
            rules=ScoreRules(),
            scores_bps=scores,
        )
        for place, result in zip(places, settled.results, strict=True):
            mine = self._agents[place]
            mine.earned = result.earned
            mine.seats += 1
            if tokens is not None:
                mine.tokens += PACE_STEP * (tokens[place] - mine.tokens)
            if result.scored:
                mine.scores = with_score(mine.scores, terms, result.score_bps)
        return Settled(None if outcome.winner is None else by_digest[outcome.winner], outcome.outcome is State.SETTLED)

    def _weight(self, place: int, task: Task) -> int:
        declared, earned = self._pool[place].declared, self._agents[place].earned
        if self._weighting == "majority":
            return 1
        if self._weighting == "squared":
            return seat_weight(declared, earned, task.requirement)
        return max(1, proven_match_bps(declared, earned, task.requirement))

    def _gold_scores(self, task: TaskItem, answers: Sequence[bytes | None]) -> list[int] | None:
        """The evaluator's scores where this task has one that knows."""
        if not has_gold(task, self._gold, self._seed):
            return None
        return [FULL_SCALE if a is not None and is_right(task, a.decode()) else 0 for a in answers]

    def _effort(self, place: int) -> Effort:
        return Effort(max(1, round(self._agents[place].tokens)), 0.0)

    def _standing(self, place: int, agent: Agent) -> Standing:
        return Standing(agent.declared, self._agents[place].scores, 0, 0, 0.0)

    def _candidate(self, place: int, offer: Offer, task: Task) -> Candidate:
        mine = self._agents[place]
        return Candidate(
            agent_id=self._ids[place],
            match_bps=offer.match_bps,
            earned_bps=match_bps(mine.earned, task.requirement),
            confidence_bps=offer.confidence_bps,
            price_wei=offer.price_wei,
            seats=mine.seats,
        )


def has_gold(task: TaskItem, share: float, seed: int) -> bool:
    """Whether the task is one of the share whose evaluator knows the answer, in the market of that seed."""
    return Random(f"gold/{seed}/{task.id}").random() < share


def task_of(task: TaskItem, k: int = 1) -> Task:
    """The parameters with which a task would be posted.

    Raises:
        InvalidInput: it cannot be posted: its text is too long, say.
    """
    posted = _posted(task.prompt, json.dumps(task.answer_format), task.family)
    return replace(posted, k=k, min_seats=k // 2 + 1)


def task_id_of(task: TaskItem) -> bytes:
    """Stands for the id that a posted task would have: it breaks ties."""
    return _posted(task.prompt, json.dumps(task.answer_format), task.family).header


@lru_cache(maxsize=1 << 15)
def _posted(prompt: str, answer_format: str, family: str) -> Task:
    request = TaskRequest(
        prompt=prompt, answer_format=json.loads(answer_format), skills=requirement(family), k=1
    )
    return build(request, requester=ZERO_ADDRESS, timestamp_s=0, salt=bytes(32), gateway_urls=()).task
