"""The comparison of weights, on chains whose likelihoods are known."""

from __future__ import annotations

import pytest

from agent_runtime.evaluation.samples import Chain, Draw, prompt_digest
from agent_runtime.model.datasets import TaskItem
from tests.evaluation.people import task
from tests.scripts.loading import load_script

compare_weights = load_script("compare_weights")


def draw(item: TaskItem, *chains: tuple[str, float, int]) -> Draw:
    """Chains by answer, mean log-probability and tokens."""
    written = tuple(Chain(f"#### {answer}", "stop", tokens, mean) for answer, mean, tokens in chains)
    return Draw("a", "m", prompt_digest(item), 0, 0.8, 512, 5, 1.0, written)


def test_each_way_decides_as_it_says() -> None:
    """Two likely short wrong chains against one long right one, and two unlikely wrong ones against a sure right one."""
    items = [task(1), task(2)] * 1
    draws = [
        draw(items[0], ("9", -0.5, 10), ("9", -0.5, 10), ("2", -0.01, 10)),
        draw(items[1], ("9", -0.10, 4), ("8", -0.20, 4), ("3", -0.05, 40)),
    ]
    found = compare_weights.compare(items, draws, [3])
    accuracy = {way: entry["accuracy"] for way, entry in found["3"].items()}
    # equal: 9 wins, then a tie of three; mean: 9 by 1.21 to 0.99, then 3 by a little; 10 mean: 2 and 3; total: 2, then 9.
    assert accuracy["equal"] == pytest.approx((0 + 1 / 3) / 2)
    assert (accuracy["mean"], accuracy["10 mean"], accuracy["total"]) == (0.5, 1.0, 0.5)
    assert found["3"]["mean"]["over_mean"]["difference"] == 0 and found["3"]["10 mean"]["over_mean"]["difference"] == 0.5
    assert found["tasks"] == 2 and found["auroc_of_one_chain"] == 1.0


def test_a_seat_is_every_n_chains_in_a_row() -> None:
    item = task(1)
    row = [("2", -0.1, 5)] * 3 + [("9", -0.1, 5)] * 3 + [("2", -0.1, 5)]
    found = compare_weights.compare([item], [draw(item, *row)], [3])
    assert found["3"]["equal"]["accuracy"] == 0.5, "one seat of two; the last chain makes no seat of three"
