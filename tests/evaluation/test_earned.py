"""What agents earned against what they deserve: counted by hand, and in a market whose chances are known."""

from __future__ import annotations

import itertools

import pytest

from agent_runtime.evaluation.earned import LAST_TASKS, EarnedStep, earned_report
from agent_runtime.evaluation.policies import Plan, Seats, broadcast
from agent_runtime.evaluation.pool import Engines
from agent_runtime.evaluation.report import evaluate
from agent_runtime.evaluation.samples import SampleBook
from tests.evaluation.people import FAMILIES, Known, agent, opener, tasks


def test_by_hand() -> None:
    steps = [
        EarnedStep(0, "a", "navigate", 1_000, True),
        EarnedStep(0, "b", "navigate", 0, False),
        EarnedStep(1, "a", "navigate", 900, False),
    ]
    found = earned_report(steps)
    assert found["agents"] == {
        "a": {"navigate": {"seats": 2, "accuracy": 0.5, "earned": [0.1, 0.09]}},
        "b": {"navigate": {"seats": 1, "accuracy": 0.0, "earned": [0.0]}},
    }
    assert found["distance"] == pytest.approx((0.4 + 0 + 0.41) / 3, abs=1e-4)
    assert found["bias"] == pytest.approx(-found["distance"])


def test_only_the_end_of_a_history_is_judged() -> None:
    """Steps before the last tasks count for accuracy, not for the distance."""
    early = [EarnedStep(i, "a", "navigate", 0, True) for i in range(50)]
    late = [EarnedStep(i, "a", "navigate", 10_000, True) for i in range(50, 50 + LAST_TASKS)]
    assert earned_report([*early, *late])["distance"] == 0
    assert earned_report([])["distance"] is None and earned_report([])["agents"] == {}


def test_an_evaluator_that_knows_mends_what_a_wrong_majority_earns() -> None:
    """Two that are wrong alike outvote one that is right: without gold they earn more than they deserve, with it they do not."""
    chances = {"good": 0.95, "bad": 0.2, "worse": 0.2}
    pool = [agent(name) for name in chances]

    def distances(gold: float) -> list[float]:
        plan = Plan(tasks(100), (1,), seeds=3, gold=gold)
        known = {name: Known(name, dict.fromkeys(FAMILIES, chance)) for name, chance in chances.items()}
        clock = itertools.count(0.0, 0.5).__next__
        with Engines(SampleBook(), clock=clock, opener=opener(**known)) as engines:
            found = evaluate("families", "broadcast", plan, pool, engines)["earned"]["1"]
            _, histories = broadcast(plan, pool, Seats(engines, plan), "squared")
        assert found["distances"] == [earned_report(steps)["distance"] for steps in histories[1]]
        assert found["distance"] == found["distances"][0]
        return [float(d) for d in found["distances"]]

    never, always = distances(0.0), distances(1.0)
    assert max(always) < 0.15 < 0.3 < min(never), (never, always)
