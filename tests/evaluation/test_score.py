"""Accuracies, standard errors and bootstrap intervals: against their definitions, and against how often they hold."""

from __future__ import annotations

from math import sqrt
from random import Random
from statistics import mean, stdev

import pytest

from agent_runtime.evaluation.score import (
    Cell,
    Trial,
    cell,
    cells,
    level_cells,
    macro,
    paired_bootstrap,
    task_means,
)
from symphony_chain.errors import InvalidInput
from tests.evaluation.people import task


def trials(*rights: str) -> list[list[Trial]]:
    return [[Trial(letter == "r", 1, 0, 0.0) for letter in word] for word in rights]


def test_tasks_are_the_sample_and_seeds_are_not() -> None:
    means = task_means(trials("rrr", "www", "rrw"))
    assert means == [1.0, 0.0, pytest.approx(2 / 3)]
    found = cell(means)
    assert (found.n, found.accuracy) == (3, pytest.approx(5 / 9))
    assert found.se == pytest.approx(stdev(means) / sqrt(3))
    # Asking each task ten times more makes no new tasks.
    again = cell(task_means(trials("rrr" * 10, "www" * 10, "rrw" * 10)))
    assert (again.accuracy, again.se) == (pytest.approx(found.accuracy), pytest.approx(found.se))
    assert cell([1.0]) == Cell(1, 1.0, 0.0)


def test_families_and_levels_are_told_apart_and_the_mean_counts_families_alike() -> None:
    items = [task(0, level=1), task(1, level=2), task(2, "web_of_lies", None)]
    means = [1.0, 0.0, 1.0]
    found = cells(items, means)
    assert {family: (c.n, c.accuracy) for family, c in found.items()} == {"navigate": (2, 0.5), "web_of_lies": (1, 1.0)}
    assert level_cells(items, means) == {"navigate": {"1": Cell(1, 1.0, 0.0), "2": Cell(1, 0.0, 0.0)}}
    whole = macro(list(found.values()))
    assert (whole.n, whole.accuracy) == (3, 0.75)
    assert whole.se == pytest.approx(found["navigate"].se / 2)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng, covered, rounds = Random(5), 0, 200
    for number in range(rounds):
        a = [float(rng.random() < 0.7) for _ in range(80)]
        b = [float(rng.random() < 0.6) for _ in range(80)]
        found = paired_bootstrap(a, b, seed=number, resamples=400)
        assert found.difference == pytest.approx(mean(a) - mean(b)) and found.low <= found.difference <= found.high
        covered += found.low <= 0.1 <= found.high
    assert 0.90 <= covered / rounds <= 0.99


def test_pairing_sees_what_two_single_errors_hide() -> None:
    """b is a with two tasks more solved of 400: paired, that is a little; unpaired it would drown."""
    a = [float(Random(i).random() < 0.5) for i in range(400)]
    better = list(a)
    for at in [i for i, value in enumerate(a) if not value][:12]:
        better[at] = 1.0
    found = paired_bootstrap(better, a, seed=1)
    assert found.difference == pytest.approx(0.03) and 0 < found.low < 0.03 < found.high < 0.06
    assert cell(a).se > 0.02


def test_the_same_seed_gives_the_same_interval() -> None:
    a, b = [1.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.0]
    assert paired_bootstrap(a, b, seed=3) == paired_bootstrap(a, b, seed=3)
    assert paired_bootstrap(a, a) .difference == 0 == paired_bootstrap(a, a).high


@pytest.mark.parametrize(("a", "b"), [([], []), ([1.0], [1.0, 0.0])])
def test_what_cannot_be_paired_is_refused(a: list[float], b: list[float]) -> None:
    with pytest.raises(InvalidInput, match="cannot be paired"):
        paired_bootstrap(a, b)
