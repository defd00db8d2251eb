"""One evaluation as a JSON document: accuracy per number of votes, family and level, with its cost. Knows how to count.

Keys ``suite, policy, votes, mean, tokens, seconds``; votes, mean, tokens and seconds have one entry a number of votes ("greedy"
for one greedy chain).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from agent_runtime.evaluation.earned import earned_report
from agent_runtime.evaluation.market import WEIGHTINGS
from agent_runtime.evaluation.policies import (
    GREEDY,
    Histories,
    Plan,
    Policy,
    Seats,
    Trials,
    at_random,
    broadcast,
    routed,
    single,
)
from agent_runtime.evaluation.pool import Agent, Engines
from agent_runtime.evaluation.score import (
    Cell,
    Trial,
    cells,
    level_cells,
    macro,
    paired_bootstrap,
    task_means,
)
from agent_runtime.model.datasets import TaskItem
from symphony_chain.errors import InvalidInput

DIGITS = 4


def evaluate(suite: str, policy: Policy, plan: Plan, pool: Sequence[Agent], engines: Engines) -> dict[str, Any]:
    """Runs a policy and writes down what came of it.

    Raises:
        InvalidInput: there is no task, or a policy for one model was given several. What engines raise.
    """
    if not plan.tasks:
        raise InvalidInput("there is nothing to measure", hint="give at least one task")
    if policy == "single" and len(pool) != 1:
        raise InvalidInput(
            f"the policy single measures one model, not {len(pool)}",
            hint="give one --engine or a file of one agent, or choose another policy",
            code="evaluation.agents",
        )
    seats = Seats(engines, plan)
    extra: dict[str, Any] = {}
    if policy == "single":
        trials = single(plan, pool[0], seats)
    elif policy == "random":
        trials = at_random(plan, pool, seats)
    else:
        market = broadcast if policy == "broadcast" else routed
        lives = {rule: market(plan, pool, seats, rule) for rule in WEIGHTINGS}
        trials, histories = lives["squared"]
        by_rule: dict[str, Trials] = {rule: found for rule, (found, _) in lives.items()}
        taken = len(pool) if policy == "broadcast" else min(plan.seats, len(pool))
        extra = {"seats": taken, **_rules(plan, by_rule), "earned": earned(histories)}
    return {
        **summary(suite, policy, plan.tasks, trials),
        "seeds": plan.seeds,
        "temperature": plan.sampling.temperature,
        "max_tokens": plan.sampling.max_tokens,
        "gold": plan.gold,
        **extra,
        "agents": [
            {"name": agent.name, "model": engines.model(agent), "skills": dict(agent.skills)} for agent in pool
        ],
    }


def summary(suite: str, policy: str, tasks: Sequence[TaskItem], trials: Trials) -> dict[str, Any]:
    """The part of the document that trials alone tell.

    ``tokens``, ``cost_wei`` (decimal strings) and ``seconds`` are sums over all tasks and seeds, ``latency_s`` is the mean of one
    answer; ``se`` is the standard error of ``mean``, which counts each family the same.
    """
    means = {size: task_means(by_task) for size, by_task in trials.items()}
    by_family = {size: cells(tasks, values) for size, values in means.items()}
    whole = {size: macro(list(found.values())) for size, found in by_family.items()}
    return {
        "suite": suite,
        "policy": policy,
        "votes": {name_of(size): {f: _plain(c) for f, c in found.items()} for size, found in by_family.items()},
        "mean": {name_of(size): round(c.accuracy, DIGITS) for size, c in whole.items()},
        "se": {name_of(size): round(c.se, DIGITS) for size, c in whole.items()},
        "tokens": _per_size(trials, lambda flat: sum(t.tokens for t in flat)),
        "cost_wei": _per_size(trials, lambda flat: str(sum(t.cost_wei for t in flat))),
        "seconds": _per_size(trials, lambda flat: round(sum(t.seconds for t in flat), 3)),
        "latency_s": _per_size(trials, lambda flat: round(sum(t.seconds for t in flat) / len(flat), DIGITS)),
        "levels": {
            name_of(size): {f: {level: _plain(c) for level, c in levels.items()} for f, levels in found.items()}
            for size, found in ((size, level_cells(tasks, values)) for size, values in means.items())
        },
        "tasks": len(tasks),
        "differences": {
            f"{name_of(a)}-{name_of(b)}": _rounded(asdict(paired_bootstrap(means[a], means[b])))
            for a, b in zip(list(means)[1:], list(means), strict=False)
        },
    }


def earned(histories: Histories) -> dict[str, Any]:
    """Number of votes → `earned_report` of the first seed's market, and the distances of every seed's."""
    reports = {name_of(size): [earned_report(steps) for steps in seeds] for size, seeds in histories.items()}
    return {name: {**found[0], "distances": [one["distance"] for one in found]} for name, found in reports.items()}


def name_of(size: int) -> str:
    """A number of votes as the document's key."""
    return "greedy" if size == GREEDY else str(size)


def _rules(plan: Plan, by_rule: Mapping[str, Trials]) -> dict[str, Any]:
    """Accuracy by each way of weighing seats, and what the others gain over the plain majority, on the same chains."""
    means = {
        rule: {size: task_means(by_task) for size, by_task in trials.items()} for rule, trials in by_rule.items()
    }
    votes = {rule: {size: cells(plan.tasks, values) for size, values in found.items()} for rule, found in means.items()}
    return {
        "rules": {
            rule: {name_of(size): round(macro(list(c.values())).accuracy, DIGITS) for size, c in found.items()}
            for rule, found in votes.items()
        },
        "rule_votes": {
            rule: {name_of(size): {f: _plain(c) for f, c in by_family.items()} for size, by_family in found.items()}
            for rule, found in votes.items()
        },
        "over_majority": {
            rule: {
                name_of(size): _rounded(asdict(paired_bootstrap(values, means["majority"][size])))
                for size, values in means[rule].items()
            }
            for rule in ("linear", "squared")
        },
    }


def _per_size(trials: Trials, count: Any) -> dict[str, Any]:
    out = {}
    for size, by_task in trials.items():
        flat: list[Trial] = [trial for seeds in by_task for trial in seeds]
        out[name_of(size)] = count(flat)
    return out


def _plain(c: Cell) -> dict[str, Any]:
    return _rounded(asdict(c))


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: round(value, DIGITS) if isinstance(value, float) else value for name, value in values.items()}


def lines(document: Mapping[str, Any]) -> list[str]:
    """The document for a person: a table of families by number of votes, then what it took."""
    sizes = list(document["votes"])
    families = list(document["votes"][sizes[0]])
    rows = [
        (family, document["votes"][sizes[0]][family]["n"], *(_percent(document["votes"][s][family]) for s in sizes))
        for family in families
    ]
    rows.append(
        ("mean", document["tasks"], *(f"{document['mean'][s]:.1%} ±{document['se'][s]:.1%}" for s in sizes))
    )
    rows.append(("tokens", "", *(f"{document['tokens'][s]:,}" for s in sizes)))
    rows.append(("seconds a task", "", *(f"{document['latency_s'][s]:.3f}" for s in sizes)))
    for rule, found in document.get("rules", {}).items():
        rows.append((f"by {rule} weights", "", *(f"{found[s]:.1%}" for s in sizes)))
    if document.get("earned"):
        distances = (document["earned"][s]["distance"] for s in sizes)
        rows.append(("|earned − accuracy|", "", *("–" if d is None else f"{d:.3f}" for d in distances)))
    headers = ("family", "tasks", *(s if s == "greedy" else f"{s} vote{'s' * (s != '1')}" for s in sizes))
    widths = [max(len(str(row[i])) for row in (headers, *rows)) for i in range(len(headers))]
    return [
        "  ".join(
            [str(row[0]).ljust(widths[0]), *(str(c).rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
        )
        for row in (headers, *rows)
    ]


def _percent(entry: Mapping[str, Any]) -> str:
    return f"{entry['accuracy']:.1%} ±{entry['se']:.1%}"
