"""Accuracy with its standard error, and differences with their intervals. Pure; knows no agents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent_runtime.model.datasets import TaskItem
from symphony_chain.errors import InvalidInput

RESAMPLES = 10_000
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Trial:
    """One answer to one task: whether it was right, the tokens generated for it, its cost, and the seconds until it was there.

    Where several agents answer, tokens and costs add up, and the slowest one counts.
    """

    right: bool
    tokens: int
    cost_wei: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Cell:
    """Accuracy of ``n`` tasks, each the mean over its seeds, and its standard error (tasks are the sample, seeds are not)."""

    n: int
    accuracy: float
    se: float


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean difference over ``n`` tasks with its 95 % bootstrap interval."""

    n: int
    difference: float
    low: float
    high: float


def task_means(trials: Sequence[Sequence[Trial]]) -> list[float]:
    """Share of right answers for each task, over its seeds."""
    return [sum(t.right for t in seeds) / len(seeds) for seeds in trials]


def cell(means: Sequence[float]) -> Cell:
    """Of the task means of one family or level."""
    values = np.asarray(means, dtype=np.float64)
    n = len(values)
    se = float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else 0.0
    return Cell(n, float(values.mean()), se)


def cells(tasks: Sequence[TaskItem], means: Sequence[float]) -> dict[str, Cell]:
    """Family → accuracy, in the order in which the families come."""
    by_family: dict[str, list[float]] = {}
    for task, mean in zip(tasks, means, strict=True):
        by_family.setdefault(task.family, []).append(mean)
    return {family: cell(values) for family, values in by_family.items()}


def level_cells(tasks: Sequence[TaskItem], means: Sequence[float]) -> dict[str, dict[str, Cell]]:
    """Family → level → accuracy, of the tasks that have a level."""
    by_level: dict[str, dict[str, list[float]]] = {}
    for task, mean in zip(tasks, means, strict=True):
        if task.level is not None:
            by_level.setdefault(task.family, {}).setdefault(str(task.level), []).append(mean)
    return {
        family: {level: cell(values) for level, values in levels.items()} for family, levels in by_level.items()
    }


def macro(families: Sequence[Cell]) -> Cell:
    """The mean of the families, each counting the same; ``n`` is the number of all tasks."""
    share = 1 / len(families)
    return Cell(
        sum(c.n for c in families),
        share * sum(c.accuracy for c in families),
        share * float(np.sqrt(sum(c.se**2 for c in families))),
    )


def paired_bootstrap(
    a: Sequence[float], b: Sequence[float], *, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """Mean of a − b over the same tasks with its 95 % percentile interval, tasks drawn with replacement (Efron, 1979).

    Raises:
        InvalidInput: the two are not of the same tasks, or of none.
    """
    if len(a) != len(b) or not a:
        raise InvalidInput(
            f"{len(a)} and {len(b)} task means cannot be paired", hint="measure both on the same tasks, at least one"
        )
    differences = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    rng = np.random.default_rng(seed)
    n = len(differences)
    means = np.concatenate(
        [
            differences[rng.integers(0, n, size=(min(_CHUNK, resamples - start), n))].mean(axis=1)
            for start in range(0, resamples, _CHUNK)
        ]
    )
    low, high = np.quantile(means, (0.025, 0.975))
    return Interval(n, float(differences.mean()), float(low), float(high))
