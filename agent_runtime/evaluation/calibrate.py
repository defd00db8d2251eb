"""A model's calibration from an evaluation's chains: per skill, how much evidence means which chance of being right.

Knows no files and no command line.
"""

from __future__ import annotations

from agent_runtime.evaluation.policies import GREEDY, Plan, Seats
from agent_runtime.evaluation.pool import Agent, Engines
from agent_runtime.model.skills import skill_of
from agent_runtime.reasoning.calibration import FOLDS, Calibration, SkillCalibration
from symphony_chain.errors import InvalidInput


def calibrate(plan: Plan, agent: Agent, seats: Seats, engines: Engines) -> Calibration:
    """The calibration of the largest number of votes; every task and seed is one observation, chains without an answer too.

    Skills with fewer than ``2 * FOLDS`` observations are left out.

    Raises:
        InvalidInput: no skill was measured often enough, or only greedy chains were drawn.
    """
    size = max(plan.sizes)
    if size == GREEDY:
        raise InvalidInput(
            "one greedy chain calibrates nothing: an agent votes among sampled ones", hint="give --votes a number above 0"
        )
    evidence: dict[str, list[float]] = {}
    right: dict[str, list[bool]] = {}
    for task in plan.tasks:
        tag = skill_of(task.family)
        for seed in range(plan.seeds) if tag is not None else ():
            thought = seats.think(agent, task, size, seed)
            evidence.setdefault(str(tag), []).append(thought.evidence)
            right.setdefault(str(tag), []).append(thought.right)
    skills = {
        tag: SkillCalibration.fit(values, right[tag]) for tag, values in evidence.items() if len(values) >= 2 * FOLDS
    }
    if not skills:
        raise InvalidInput(
            f"no skill was asked for in {2 * FOLDS} tasks", hint="measure more tasks, or more seeds of them"
        )
    return Calibration(engines.model(agent), plan.sampling.temperature, size, skills)
