"""Do agents earn what they deserve? The earned word of each seat's agent, task by task, against its share of right answers.

Pure; knows no market, live or offline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from symphony_chain.skills import FULL_SCALE

#: The end of a history, over which the distance is a mean: what agents earned on the way there says only how they began.
LAST_TASKS = 100
DIGITS = 4


@dataclass(frozen=True, slots=True)
class EarnedStep:
    """One seat of a closed task.

    Attributes:
        task: place of the task in the order of closing.
        agent, skill: whose earned value it is, and on which tag.
        earned_bps: the value after the task, 0…10000.
        right: whether the seat's answer was the right one, whoever judged it.
    """

    task: int
    agent: str
    skill: str
    earned_bps: int
    right: bool


def earned_report(steps: Sequence[EarnedStep]) -> dict[str, Any]:
    """``agents``: name → tag → ``{seats, accuracy, earned}`` (the value after each of its seats, 0…1); ``distance`` and ``bias``:
    mean of |earned − accuracy| and of earned − accuracy over the seats of the last ``LAST_TASKS`` tasks, None without any.

    An agent's accuracy on a tag is that of all its seats there.
    """
    accuracy: dict[tuple[str, str], float] = {}
    by_lane: dict[tuple[str, str], list[EarnedStep]] = {}
    for step in steps:
        by_lane.setdefault((step.agent, step.skill), []).append(step)
    agents: dict[str, dict[str, Any]] = {}
    for (agent, skill), mine in by_lane.items():
        share = accuracy[agent, skill] = sum(step.right for step in mine) / len(mine)
        agents.setdefault(agent, {})[skill] = {
            "seats": len(mine),
            "accuracy": round(share, DIGITS),
            "earned": [step.earned_bps / FULL_SCALE for step in mine],
        }
    first = max((step.task for step in steps), default=0) - LAST_TASKS + 1
    gaps = [s.earned_bps / FULL_SCALE - accuracy[s.agent, s.skill] for s in steps if s.task >= first]
    return {
        "agents": agents,
        "distance": _mean([abs(gap) for gap in gaps]),
        "bias": _mean(gaps),
    }


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), DIGITS) if values else None
