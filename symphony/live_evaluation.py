"""An evaluation through a live market: every agent a worker of its own, every task posted, bid for, voted on and paid.

The report is the offline one's, with the market's own figures beside it. Knows the demo's way of driving tasks; no screens.
"""

from __future__ import annotations

import secrets
import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent_runtime.bidding import BidPolicy
from agent_runtime.evaluation.earned import EarnedStep
from agent_runtime.evaluation.market import has_gold
from agent_runtime.evaluation.policies import GREEDY, Plan, order_of
from agent_runtime.evaluation.pool import Agent
from agent_runtime.evaluation.report import earned, name_of, summary
from agent_runtime.evaluation.score import Trial
from agent_runtime.evaluation.suites import requirement
from agent_runtime.model.datasets import is_right
from agent_runtime.model.skills import skill_of
from symphony.demo.evaluator import GoldEvaluator, gold_of
from symphony.demo.measure import gas_by_step
from symphony.demo.report import TASK_STEPS
from symphony.demo.run import MAX_TASKS, Result, Run, run
from symphony.supervisor import Member, Supervisor
from symphony.supervisor import Plan as MarketPlan
from symphony_chain.deploy import DEFAULT_TERMS
from symphony_chain.errors import InvalidInput, UsageError
from symphony_chain.events import TaskSettled, decode
from symphony_chain.model.tally import ANSWER_BYTES, match_bps
from symphony_chain.skills import word_of_tags
from symphony_chain.types import State

if TYPE_CHECKING:
    from agent_runtime.requester import Progress

Say = Callable[[str], None]


def evaluate_live(
    suite: str, policy: str, plan: Plan, pool: Sequence[Agent], folder: Path, *, devnet: str, say: Say
) -> dict[str, Any]:
    """One market per number of votes, each with all tasks and seeds.

    Args:
        folder: everything of the markets lives under it; what a former run left is removed.
    Raises:
        UsageError, InvalidInput ``evaluation.*``: the plan cannot be lived. SymphonyError: what a market raises.
    """
    seats = _seats(policy, plan, pool)
    runs = {size: _lived(plan, pool, seats, size, folder / name_of(size), devnet, say) for size in plan.sizes}
    trials = {size: _trials(plan, found) for size, found in runs.items()}
    figures = {name_of(size): found.figures for size, found in runs.items()}
    return {
        **summary(suite, policy, plan.tasks, trials),
        "seeds": plan.seeds,
        "temperature": plan.sampling.temperature,
        "max_tokens": plan.sampling.max_tokens,
        "gold": plan.gold,
        "seats": seats,
        "live": figures,
        "earned": earned({size: [found.steps] for size, found in runs.items()}),
        "agents": [{"name": agent.name, "skills": dict(agent.skills)} for agent in pool],
    }


class _Lived:
    """One market's run, and what it left in the agents' records."""

    def __init__(
        self, done: Run, steps: list[EarnedStep], tokens: dict[bytes, int], figures: dict[str, Any]
    ) -> None:
        self.results = done.results
        self.steps = steps
        self.tokens = tokens
        self.figures = figures


def _seats(policy: str, plan: Plan, pool: Sequence[Agent]) -> int:
    if policy == "random":
        raise UsageError(
            "a market seats nobody at random", hint="measure --policy random without --live", code="evaluation.live"
        )
    if policy == "single" and len(pool) != 1:
        raise InvalidInput(
            f"the policy single measures one model, not {len(pool)}",
            hint="give one --engine or a file of one agent, or choose another policy",
            code="evaluation.agents",
        )
    count = len(plan.tasks) * plan.seeds
    if not 1 <= count <= MAX_TASKS:
        raise InvalidInput(
            f"{count} tasks through a live market; it takes 1 to {MAX_TASKS}",
            hint="lower --limit or --seeds",
            code="evaluation.live",
        )
    return min(plan.seats, len(pool)) if policy == "routed" else len(pool)


def _lived(
    plan: Plan, pool: Sequence[Agent], seats: int, size: int, folder: Path, devnet: str, say: Say
) -> _Lived:
    if folder.exists():
        shutil.rmtree(folder)
    market_plan = MarketPlan(
        data_dir=folder,
        devnet=devnet,
        samples=max(1, size),
        temperature=0.0 if size == GREEDY else plan.sampling.temperature,
        max_tokens=plan.sampling.max_tokens,
        escalation=None,  # as many chains as are measured, no more
        crew=tuple(Member(agent.engine, agent.adapter, agent.skills) for agent in pool),
        # No seat is so cheap that it would move nobody's reputation.
        bidding=BidPolicy(wei_per_token=plan.wei_per_token, floor_wei=DEFAULT_TERMS.score_min_wei),
    )
    items = [plan.tasks[at] for seed in range(plan.seeds) for at in order_of(plan, seed)]
    places = ((seed, at) for seed in range(plan.seeds) for at in order_of(plan, seed))
    evaluated = {number for number, (seed, at) in enumerate(places) if has_gold(plan.tasks[at], plan.gold, seed)}
    with Supervisor(market_plan, say) as market:
        evaluator = _evaluator(market) if evaluated else None
        teller = _Teller(say, len(items))
        done = run(market, items, seats=seats, watcher=teller, evaluator=evaluator, evaluated=evaluated)
        gas = gas_by_step(market.rpc, market.deployment)
        steps = _steps(market, done.results, {number: agent.name for number, agent in zip(market.agent_ids, pool, strict=True)})
    states = [result.outcome.state for result in done.results]
    figures = {
        "settled": states.count(State.SETTLED),
        "inconclusive": states.count(State.INCONCLUSIVE),
        "void": states.count(State.VOID),
        "expired": states.count(State.EXPIRED) + states.count(State.CANCELLED),
        "gas_per_task": round(sum(step.total for name, step in gas.items() if name in TASK_STEPS) / len(items)),
        "wall_s": round(done.ended_s - done.started_s, 3),
        "to_evaluate": len(evaluated),
        "evaluated": sum(result.outcome.evaluated for result in done.results),
        "audit_ok": done.audit.ok,
    }
    return _Lived(done, steps, _tokens(folder, len(pool)), figures)


def _evaluator(market: Supervisor) -> GoldEvaluator:
    """A key of its own, with gas money."""
    sender = market.sender(secrets.token_bytes(32))
    market.fund(sender.account.address)
    return GoldEvaluator(sender, market.deployment)


def _steps(market: Supervisor, results: Sequence[Result], names: Mapping[int, str]) -> list[EarnedStep]:
    """What the seats earned, in the order in which the chain closed the tasks."""
    by_task = {result.outcome.task_id: result for result in results}
    deployment = market.deployment
    logs = market.rpc.get_logs(from_block=deployment.block, to_block="latest", address=deployment.market)
    closed = [event for event in map(decode, logs) if isinstance(event, TaskSettled) and event.task_id in by_task]
    steps = []
    for number, event in enumerate(closed):
        result = by_task[event.task_id]
        skill = skill_of(result.item.family)
        if skill is None:
            continue
        asked, gold = word_of_tags(requirement(result.item.family)), gold_of(result.item)
        shown = {seat.seat: seat.answer_digest[:ANSWER_BYTES] for seat in result.outcome.seats}
        steps += [
            EarnedStep(number, names[seat.agent_id], skill, match_bps(seat.earned, asked), shown.get(seat.seat) == gold)
            for seat in event.results
        ]
    return steps


def _spent_wei(result: Result) -> int:
    """What the task cost its requester."""
    outcome = result.outcome
    return outcome.paid_wei + outcome.burnt_wei + outcome.fee_wei - outcome.lost_bonds_wei


def _trials(plan: Plan, lived: _Lived) -> list[list[Trial]]:
    """Trials of each task and seed: results come seed by seed, in each seed's order."""
    count = len(plan.tasks)
    found = {
        (at, seed): _trial(lived, lived.results[seed * count + number])
        for seed in range(plan.seeds)
        for number, at in enumerate(order_of(plan, seed))
    }
    return [[found[at, seed] for seed in range(plan.seeds)] for at in range(count)]


def _trial(lived: _Lived, result: Result) -> Trial:
    outcome = result.outcome
    right = result.correct or (outcome.answer is not None and is_right(result.item, outcome.answer))
    tokens, seconds = lived.tokens.get(outcome.task_id, 0), float(outcome.closed_s - outcome.posted_s)
    return Trial(right, tokens, _spent_wei(result), seconds)


def _tokens(folder: Path, agents: int) -> dict[bytes, int]:
    """Task → tokens that its seats generated, from the workers' own records."""
    found: dict[bytes, int] = {}
    for number in range(1, agents + 1):
        path = folder / "agents" / f"agent-{number}" / "worker.sqlite"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            for task_id, tokens in connection.execute("SELECT task_id, tokens FROM work"):
                found[bytes(task_id)] = found.get(bytes(task_id), 0) + int(tokens)
    return found


class _Teller:
    """Says how far a market is."""

    def __init__(self, say: Say, tasks: int) -> None:
        self._say = say
        self._tasks = tasks
        self._closed = 0

    def stage(self, step: Progress) -> None:
        """Not worth a word."""

    def closed(self, result: Result) -> None:
        self._closed += 1
        self._say(f"{self._closed} of {self._tasks} tasks have ended")

    def phase(self, text: str) -> None:
        self._say(text)
