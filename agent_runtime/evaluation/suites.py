"""Which tasks an evaluation asks: BIG-Bench-Hard and GSM8K as published, or fresh held-out tasks of the families.

Imports no model library; knows no agents.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agent_runtime.model.datasets import TaskItem, held_out_task, load_bbh, load_gsm8k, load_tasks
from agent_runtime.model.families import FAMILIES, LEVELS
from agent_runtime.model.skills import skill_of
from symphony_chain.errors import InvalidInput
from symphony_chain.skills import DEFAULT_TAGS, FULL_SCALE

SUITES = ("bbh", "gsm8k", "families")
#: Fresh tasks of a family and level where nobody says how many.
FRESH_TASKS = 50
#: Seeds of measured tasks begin here; the demo's tasks use small ones.
FIRST_SEED = 1_000_000


def load_suite(
    suite: str,
    data: Path | None,
    *,
    families: Sequence[str] = (),
    levels: Sequence[int] = (3,),
    limit: int | None = None,
    reword: float = 0.0,
) -> list[TaskItem]:
    """The tasks of a suite, family by family.

    Args:
        suite: one of ``SUITES``. ``families`` draws fresh held-out tasks, or reads ``data`` as our JSONL.
        data: file or folder of the public set.
        families: only these; none: all of the data, or all families.
        levels: of fresh tasks.
        limit: at most so many of each family, and of each level where tasks are fresh.
        reword: share of fresh tasks that are put into other words, misspelt here and there.
    Raises:
        InvalidInput: no such suite, family or level, or nothing is left. NotFound, MalformedTasks: as the loaders.
    """
    if suite not in SUITES:
        raise InvalidInput(f"there is no suite {suite!r}", hint=f"use one of {', '.join(SUITES)}")
    if limit is not None and limit < 1:
        raise InvalidInput(f"a limit of {limit} tasks measures nothing", hint="use a limit of at least 1")
    if suite == "families" and data is None:
        return _fresh(families or tuple(FAMILIES), levels, FRESH_TASKS if limit is None else limit, reword)
    if data is None:
        raise InvalidInput(
            f"suite {suite} needs the public files",
            hint="name them with --data; they are read as published",
            code="evaluation.no_data",
        )
    items = {"bbh": load_bbh, "gsm8k": load_gsm8k, "families": load_tasks}[suite](data)
    return _limited(_chosen(items, families, data), limit)


def requirement(family: str) -> dict[str, int]:
    """What a task of a family asks of agents: its own tag, or every tag where the page has none for it."""
    tag = skill_of(family)
    return dict.fromkeys(DEFAULT_TAGS if tag is None else (tag,), FULL_SCALE)


def _fresh(families: Sequence[str], levels: Sequence[int], limit: int, reword: float) -> list[TaskItem]:
    for family in families:
        if family not in FAMILIES:
            raise InvalidInput(f"there is no family {family!r}", hint=f"use some of {', '.join(FAMILIES)}")
    for level in levels:
        if level not in LEVELS:
            raise InvalidInput(f"level {level} does not exist", hint="use levels from 1 to 5")
    seeds = range(FIRST_SEED, FIRST_SEED + limit)
    return [
        held_out_task(family, level, seed, reword=reword) for family in families for level in levels for seed in seeds
    ]


def _chosen(items: Sequence[TaskItem], families: Sequence[str], data: Path) -> list[TaskItem]:
    there = {item.family for item in items}
    for family in families:
        if family not in there:
            raise InvalidInput(
                f"{data} has no task of family {family!r}", hint=f"it has: {', '.join(sorted(there))}"
            )
    return [item for item in items if not families or item.family in families]


def _limited(items: Sequence[TaskItem], limit: int | None) -> list[TaskItem]:
    if limit is None:
        return list(items)
    kept: dict[str, int] = {}
    out = []
    for item in items:
        kept[item.family] = kept.get(item.family, 0) + 1
        if kept[item.family] <= limit:
            out.append(item)
    return out
