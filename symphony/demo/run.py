"""Posts a file of tasks, drives them to their end, and waits for the index. Knows the market and the requester, no screens."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from symphony.demo.board import STAGES
from symphony.demo.evaluator import EVALUATION_WINDOW_S, GoldEvaluator, gold_of
from symphony.supervisor import Supervisor
from symphony_chain.content import ContentStore
from symphony_chain.errors import ChainUnavailable, InvalidInput
from symphony_chain.market import MarketClient
from symphony_chain.rpc import wait_until
from symphony_chain.types import ZERO_ADDRESS

if TYPE_CHECKING:
    from agent_runtime.chain_book import ChainBook
    from agent_runtime.model.datasets import TaskItem
    from agent_runtime.requester import Outcome, Progress, Requester, TaskRequest
    from indexer.report import AuditReport

MAX_TASKS = 500
#: Tasks in flight together: an agent holds at most 32 seats and open bids.
WAVE = 20
CEILING_WEI = 10**15
STORE_BYTES = 1 << 30
INDEX_DEADLINE_S = 120.0
CLAIM_DEADLINE_S = 60.0
#: Windows bound what a silent agent can delay, nothing else: a task goes on as soon as every seat has acted.
REVEAL_WINDOW_S = 120
BID_WINDOW_S = 120
#: Time to think: for the first task, and for each more that waits in the same agents' queues. Ten times what a slow laptop
#: needs for the built-in model.
COMMIT_WINDOW_S = 60
COMMIT_WINDOW_PER_TASK_S = 12


@dataclass(frozen=True)
class Result:
    """One task's gold answer and how it ended."""

    item: TaskItem
    outcome: Outcome

    @property
    def gold(self) -> bytes:
        """First 26 bytes of the gold answer's digest: what the contract compares."""
        return gold_of(self.item)

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


class Watcher(Protocol):
    """Who is told how a run goes."""

    def stage(self, step: Progress) -> None:
        """A task has moved."""

    def closed(self, result: Result) -> None:
        """A task has ended."""

    def phase(self, text: str) -> None:
        """What is done after the last task."""


def load(path: Path, limit: int | None) -> list[TaskItem]:
    """The tasks of a file: BIG-Bench-Hard JSON or our JSONL, at most MAX_TASKS.

    Raises:
        NotFound, MalformedTasks: see `load_tasks`. InvalidInput `tasks.too_many`, or whatever a task's documents violate: a
        question that cannot be posted is refused before anything is started.
    """
    from agent_runtime.model.datasets import load_tasks
    from agent_runtime.task_request import build

    items = load_tasks(path)[:limit]
    if len(items) > MAX_TASKS:
        raise InvalidInput(
            f"{path} holds {len(items)} tasks, more than {MAX_TASKS}",
            hint=f"take the first with --limit {MAX_TASKS}",
            code="tasks.too_many",
        )
    for number, item in enumerate(items, 1):
        try:
            build(request_of(item, 1, 1, 1), requester=ZERO_ADDRESS, timestamp_s=0, salt=bytes(32), gateway_urls=())
        except InvalidInput as error:
            error.message = f"{path}, task {number}: {error.message}"
            raise
    return items


def commit_window_s(wave: int) -> int:
    """Time to think for a wave of so many tasks."""
    return COMMIT_WINDOW_S + COMMIT_WINDOW_PER_TASK_S * wave


def request_of(item: TaskItem, seats: int, agents: int, wave: int) -> TaskRequest:
    """The request for one item of a wave of so many."""
    from agent_runtime.evaluation.suites import requirement
    from agent_runtime.requester import TaskRequest

    return TaskRequest(
        prompt=item.prompt,
        answer_format=item.answer_format,
        skills=requirement(item.family),
        k=min(seats, agents),
        ceiling_wei=CEILING_WEI,
        title=f"{item.family} {item.id}"[:80],
        bid_window_s=BID_WINDOW_S,
        commit_window_s=commit_window_s(wave),
        reveal_window_s=REVEAL_WINDOW_S,
        give_up="expire",
    )


def run(
    market: Supervisor,
    items: Sequence[TaskItem],
    *,
    seats: int,
    watcher: Watcher,
    evaluator: GoldEvaluator | None = None,
    evaluated: Collection[int] = (),
) -> Run:
    """Sends every item through a running market.

    Args:
        evaluator, evaluated: who scores the seats instead of the vote, and the places in ``items`` of the tasks that name it.
    Raises:
        SymphonyError: what `Supervisor.check` raises, if a process of the market ended. ChainUnavailable: the chain is away or
        stands still.
    """
    try:
        return _run(market, items, seats, watcher, evaluator, evaluated)
    except ChainUnavailable:
        market.check()  # says more, where the chain is our own and has ended
        raise


def _run(
    market: Supervisor,
    items: Sequence[TaskItem],
    seats: int,
    watcher: Watcher,
    evaluator: GoldEvaluator | None,
    evaluated: Collection[int],
) -> Run:
    from agent_runtime.requester import Requester
    from indexer.audit import audit

    data = market.plan.data_dir
    ledger = _Ledger(watcher)

    def pause(seconds: float) -> None:
        market.check()  # nobody waits for a process that has ended
        if evaluator is not None:
            evaluator.step(requester.view)
        time.sleep(seconds)

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
            progress=ledger.take,
            sleep=pause,
        ) as requester,
    ):
        for start in range(0, len(items), WAVE):
            wave = items[start : start + WAVE]
            requests = [request_of(item, seats, len(market.plan.members), len(wave)) for item in wave]
            if evaluator is not None:
                requests = [
                    _with_evaluator(request, evaluator) if start + at in evaluated else request
                    for at, request in enumerate(requests)
                ]
            _send(requester, wave, requests, start, ledger, evaluator)
        ended_s = time.time()
        watcher.phase("waiting for the agents' claims")
        _wait_for_claims(market)
        withdrawn_wei = requester.withdraw()
    watcher.phase("recomputing everything from the chain")
    _wait_for_index(market)
    report = audit(market.rpc, market.deployment, market.db_url)
    escrow_wei = CEILING_WEI * min(seats, len(market.plan.members))
    return Run(ledger.results, started_s, ended_s, ledger.first_answer_s, escrow_wei, withdrawn_wei, report)


class _Ledger:
    """Hands progress on with the results in it, and notes when the first answer came."""

    def __init__(self, watcher: Watcher) -> None:
        self.results: list[Result] = []
        self.first_answer_s: float | None = None
        self.items: dict[str, TaskItem] = {}
        self.book: ChainBook | None = None
        self._watcher = watcher

    def take(self, step: Progress) -> None:
        from agent_runtime.requester_outcome import outcome_of

        self._watcher.stage(step)
        if step.stage in STAGES or self.book is None:
            return
        if self.first_answer_s is None and step.stage in ("settled", "inconclusive"):
            self.first_answer_s = time.time()
        view = self.book.task(step.task_id)
        assert view is not None  # the step was read from this book
        self._watcher.closed(Result(self.items[step.key], outcome_of(view, self.book)))


def _with_evaluator(request: TaskRequest, evaluator: GoldEvaluator) -> TaskRequest:
    return replace(request, evaluator=evaluator.address, evaluation_window_s=EVALUATION_WINDOW_S)


def _send(
    requester: Requester,
    wave: Sequence[TaskItem],
    requests: Sequence[TaskRequest],
    start: int,
    ledger: _Ledger,
    evaluator: GoldEvaluator | None,
) -> None:
    """Posts a wave of tasks and drives them to their end."""
    keys = [f"demo/{start + index}/{item.id}" for index, item in enumerate(wave)]
    ledger.items, ledger.book = dict(zip(keys, wave, strict=True)), requester.view.book
    posted = requester.post_all(list(zip(requests, keys, strict=True)))
    if evaluator is not None:
        for task, item in zip(posted, wave, strict=True):
            if task.task.evaluator == evaluator.address:
                evaluator.expect(task.task_id, item)
    outcomes = requester.drive_all(posted)
    ledger.results += [Result(item, outcome) for item, outcome in zip(wave, outcomes, strict=True)]


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
