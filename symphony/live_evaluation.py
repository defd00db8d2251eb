"""An evaluation through a live market: every agent a worker of its own, every task posted, bid for, voted on and paid.

The report is the offline one's, with the market's own figures beside it. Knows the demo's way of driving tasks; no screens.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent_runtime.evaluation.policies import GREEDY, Plan
from agent_runtime.evaluation.pool import Agent
from agent_runtime.evaluation.report import name_of, summary
from agent_runtime.evaluation.score import Trial
from agent_runtime.model.datasets import is_right
from symphony.demo.measure import gas_by_step
from symphony.demo.report import TASK_STEPS
from symphony.demo.run import MAX_TASKS, Result, Run, run
from symphony.supervisor import Member, Supervisor
from symphony.supervisor import Plan as MarketPlan
from symphony_chain.errors import InvalidInput, UsageError
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
        "seats": seats,
        "live": figures,
        "agents": [{"name": agent.name, "skills": dict(agent.skills)} for agent in pool],
    }


class _Lived:
    """One market's run, and what it left in the agents' records."""

    def __init__(self, done: Run, tokens: dict[bytes, int], figures: dict[str, Any]) -> None:
        self.results = done.results
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
    if plan.gold:
        raise UsageError(
            "this market has no evaluator that knows the answers", hint="leave out --gold", code="evaluation.live"
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
        crew=tuple(Member(agent.engine, agent.adapter, agent.skills) for agent in pool),
    )
    items = [task for _ in range(plan.seeds) for task in plan.tasks]
    with Supervisor(market_plan, say) as market:
        done = run(market, items, seats=seats, watcher=_Teller(say, len(items)))
        gas = gas_by_step(market.rpc, market.deployment)
    states = [result.outcome.state for result in done.results]
    figures = {
        "settled": states.count(State.SETTLED),
        "inconclusive": states.count(State.INCONCLUSIVE),
        "void": states.count(State.VOID),
        "expired": states.count(State.EXPIRED) + states.count(State.CANCELLED),
        "gas_per_task": round(sum(step.total for name, step in gas.items() if name in TASK_STEPS) / len(items)),
        "wall_s": round(done.ended_s - done.started_s, 3),
        "audit_ok": done.audit.ok,
    }
    return _Lived(done, _tokens(folder, len(pool)), figures)


def _spent_wei(result: Result) -> int:
    """What the task cost its requester."""
    outcome = result.outcome
    return outcome.paid_wei + outcome.burnt_wei + outcome.fee_wei - outcome.lost_bonds_wei


def _trials(plan: Plan, lived: _Lived) -> list[list[Trial]]:
    """Trials of each task and seed: results come seed by seed."""
    count = len(plan.tasks)
    return [[_trial(lived, lived.results[seed * count + at]) for seed in range(plan.seeds)] for at in range(count)]


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
