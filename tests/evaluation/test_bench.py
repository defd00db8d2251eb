"""An engine's speed, memory and accuracy: counted as they happen, on a clock of the test's."""

from __future__ import annotations

from itertools import count

import pytest

from agent_runtime.evaluation.bench import bench, gpu_memory_bytes, peak_memory_bytes
from symphony_chain.errors import InvalidInput
from tests.evaluation.people import FAMILIES, Known, task, tasks


def test_accuracy_tokens_and_seconds_are_counted() -> None:
    """Each call takes one second of this clock, and each answer has three tokens."""
    engine = Known("ada", {FAMILIES[0]: 1.0, FAMILIES[1]: 0.0})
    ticks = count()
    found = bench(
        engine, tasks(4, FAMILIES[:2]), samples=5, temperature=0.8, max_tokens=64, clock=lambda: float(next(ticks))
    )
    assert (found["tasks"], found["accuracy"], found["too_long"]) == (8, 0.5, 0)
    assert found["families"] == {
        FAMILIES[0]: {"n": 4, "accuracy": 1.0, "se": 0.0},
        FAMILIES[1]: {"n": 4, "accuracy": 0.0, "se": 0.0},
    }
    assert found["greedy"] == {"tokens": 24, "seconds": 8.0, "tokens_per_second": 3.0}
    seat = {"samples": 5, "temperature": 0.8, "tokens": 120, "seconds": 8.0, "tokens_per_second": 15.0}
    assert found["sampled"] == seat
    assert engine.calls == 1 + 8 + 8 * 5, "one call to warm up, and none twice"


def test_a_seat_need_not_be_measured() -> None:
    engine = Known("ada", {FAMILIES[0]: 1.0})
    assert bench(engine, [task(1)], samples=0, temperature=0.8, max_tokens=64)["sampled"] is None
    assert engine.calls == 2


def test_a_prompt_that_is_too_long_is_a_wrong_answer() -> None:
    engine = Known("ada", {FAMILIES[0]: 1.0}, context_tokens=5)
    found = bench(engine, tasks(3, FAMILIES[:1]), samples=2, temperature=0.8, max_tokens=64)
    assert (found["too_long"], found["accuracy"]) == (3, 0.0)
    assert found["greedy"] == {"tokens": 0, "seconds": 0.0, "tokens_per_second": 0.0}


def test_nothing_to_measure() -> None:
    with pytest.raises(InvalidInput, match="nothing to measure"):
        bench(Known("ada", {}), [], samples=1, temperature=0.8, max_tokens=64)


def test_memory_is_that_of_the_process_with_the_model() -> None:
    assert (peak_memory_bytes("torch") or 0) > 10 << 20
    assert peak_memory_bytes("openai") is None and gpu_memory_bytes("cpu") is None
