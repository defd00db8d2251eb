"""Posts a file of tasks, drives them to their end, and waits for the index. Knows the market and the requester, no screens."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from symphony.supervisor import Supervisor
from symphony_chain.content import ContentStore
from symphony_chain.errors import InvalidInput
from symphony_chain.market import MarketClient
from symphony_chain.rpc import wait_until
from symphony_chain.skills import DEFAULT_TAGS, FULL_SCALE
from symphony_chain.spec import answer_digest, canonical

if TYPE_CHECKING:
    from agent_runtime.model.datasets import TaskItem
    from agent_runtime.requester import Outcome, Progress, TaskRequest
    from indexer.report import AuditReport

MAX_TASKS = 500
#: Tasks in flight together: an agent holds at most 32 seats and open bids.
WAVE = 20
CEILING_WEI = 10**15
STORE_BYTES = 1 << 30
INDEX_DEADLINE_S = 120.0
CLAIM_DEADLINE_S = 60.0
#: Requests are for the demo's own gateway and chain; the windows bound what a silent agent can delay, nothing else.
COMMIT_WINDOW_S = 300
REVEAL_WINDOW_S = 120
BID_WINDOW_S = 120


@dataclass(frozen=True)
class Result:
    """One task's gold answer and how it ended."""

    item: TaskItem
    outcome: Outcome

    @property
    def gold(self) -> bytes:
        """First 26 bytes of the gold answer's digest: what the contract compares."""
        return answer_digest(canonical(self.item.answer, self.item.answer_format))[:26]

    @property
    def correct(self) -> bool:
        """Whether the market's answer is the gold one; an inconclusive vote is not."""
        return self.outcome.answer_digest[:26] == self.gold

    @property
    def seats_right(self) -> list[bool]:
        """Right or wrong, for each seat that revealed."""
        return [seat.answer_digest[:26] == self.gold for seat in self.outcome.seats if seat.revealed]


@dataclass(frozen=True)
class Run:
    """All that the report needs; times are wall-clock seconds since the epoch."""

    results: list[Result]
    started_s: float
    ended_s: float
    first_answer_s: float | None
    escrow_wei: int  # of each task: ceiling × seats wanted
    withdrawn_wei: int
    audit: AuditReport


def load(path: Path, limit: int | None) -> list[TaskItem]:
    """The tasks of a file: BIG-Bench-Hard JSON or our JSONL, at most MAX_TASKS."""
    from agent_runtime.model.datasets import load_tasks

    items = load_tasks(path)[:limit]
    if not items:
        raise InvalidInput(f"{path} holds no tasks", hint="give a file with at least one task", code="tasks.empty")
    if len(items) > MAX_TASKS:
        raise InvalidInput(
            f"{path} holds {len(items)} tasks, more than {MAX_TASKS}",
            hint=f"take the first with --limit {MAX_TASKS}",
            code="tasks.too_many",
        )
    return items


def requirement(family: str) -> dict[str, int]:
    """What a family asks of agents: its own tag, or every tag where the page has none for it."""
    own = [tag for tag in DEFAULT_TAGS if family == tag or family.startswith(f"{tag}_")]
    return dict.fromkeys(own or DEFAULT_TAGS, FULL_SCALE)


def request_of(item: TaskItem, seats: int, agents: int) -> TaskRequest:
    """The request for one item."""
    from agent_runtime.requester import TaskRequest

    return TaskRequest(
        prompt=item.prompt,
        answer_format=item.answer_format,
        skills=requirement(item.family),
        k=min(seats, agents),
        ceiling_wei=CEILING_WEI,
        title=f"{item.family} {item.id}"[:80],
        bid_window_s=BID_WINDOW_S,
        commit_window_s=COMMIT_WINDOW_S,
        reveal_window_s=REVEAL_WINDOW_S,
        give_up="expire",
    )


def run(
    market: Supervisor, items: Sequence[TaskItem], *, seats: int, progress: Callable[[Progress], None]
) -> Run:
    """Sends every item through a running market.

    Raises:
        Failure: a process of the market ended. ChainUnavailable: the chain is away or stands still.
    """
    from agent_runtime.requester import Requester
    from indexer.audit import audit

    first_answer: list[float] = []

    def watch(step: Progress) -> None:
        market.check()
        if step.stage in ("settled", "inconclusive") and not first_answer:
            first_answer.append(time.time())
        progress(step)

    data = market.plan.data_dir
    started_s = time.time()
    with (
        ContentStore(data / "content", max_bytes=STORE_BYTES) as store,
        Requester(
            market.rpc,
            market.deployment,
            market.deployer,
            store,
            journal=data / "requester.sqlite",
            gateway_urls=(market.api_url,),
            progress=watch,
        ) as requester,
    ):
        outcomes: list[Outcome] = []
        for start in range(0, len(items), WAVE):
            wave = items[start : start + WAVE]
            requests = [
                (request_of(item, seats, market.plan.agents), f"demo/{start + index}/{item.id}")
                for index, item in enumerate(wave)
            ]
            outcomes += requester.drive_all(requester.post_all(requests))
        ended_s = time.time()
        _wait_for_claims(market)
        withdrawn_wei = requester.withdraw()
    _wait_for_index(market)
    report = audit(market.rpc, market.deployment, market.db_url)
    results = [Result(item, outcome) for item, outcome in zip(items, outcomes, strict=True)]
    return Run(
        results,
        started_s,
        ended_s,
        first_answer[0] if first_answer else None,
        CEILING_WEI * min(seats, market.plan.agents),
        withdrawn_wei,
        report,
    )


def _wait_for_claims(market: Supervisor) -> None:
    """Agents claim by themselves after each settlement; the books are closed when they have."""
    client = MarketClient(market.rpc, market.deployment.market)

    def claimed() -> bool:
        market.check()
        return all(client.account(agent_id).accrued_wei == 0 for agent_id in market.agent_ids)

    wait_until(claimed, CLAIM_DEADLINE_S, 0.5, what="the agents' claims")


def _wait_for_index(market: Supervisor) -> None:
    from indexer.store import Store

    target = market.rpc.block_number()

    def caught_up() -> bool:
        market.check()
        with Store(market.db_url) as store:
            return store.status().indexed >= target

    wait_until(caught_up, INDEX_DEADLINE_S, 0.3, what="the index to catch up")
