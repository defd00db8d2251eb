"""Plans: a request of several parts is split into numbered steps, each with a skill tag and the steps it needs.

    Split this request into steps: First, count the fruits in a plum and two kiwis. Also, work out (3 + 4) * 2. Then, add
    the count and the value.

    1 object_counting: count the fruits in a plum and two kiwis; 2 multistep_arithmetic_two: work out (3 + 4) * 2;
    3 multistep_arithmetic_two (1, 2): add the count and the value

Worked with the first words of every part, its skill, what it gives, and which step gives what it needs. Any numbering
that respects the needs is right. ``read_plan`` reads and checks a plan without knowing the right one; skills are the
tags of the default page (``symphony_chain.skills``). ``plan_parts`` holds the parts of requests.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from agent_runtime.model.families.base import Drawn, Family
from agent_runtime.model.families.plan_parts import PARTS, Part
from agent_runtime.model.families.templates import Template
from symphony_chain.skills import DEFAULT_TAGS

NAME = "plan"
#: Parts of a request per level.
SIZES = {1: (2, 2), 2: (3, 3), 3: (3, 5), 4: (6, 7), 5: (8, 9)}
OPENING = Template("Split this request into steps: {request}")
FIRST = ("First, ", "To begin with, ", "")
MORE = ("Also, ", "Then, ", "Next, ", "After that, ", "Separately, ")
LAST = ("Finally, ", "At the end, ")
GOAL_FIRST = Template("I want you to {goal}. For that, {rest}")
_STEP = re.compile(r"(\d+) (\w+)(?: \((\d+(?:, \d+)*)\))?: (.+)")
_OPENERS = sorted((*FIRST, *MORE, *LAST), key=len, reverse=True)


@dataclass(frozen=True, slots=True)
class Step:
    """One numbered step; ``needs`` are the numbers of earlier steps."""

    number: int
    skill: str
    needs: tuple[int, ...]
    task: str


class BadPlan(ValueError):
    """A plan that cannot be carried out; the message says what is wrong with it."""


def read_plan(text: str, skills: Sequence[str] = DEFAULT_TAGS) -> list[Step]:
    """The steps of a plan, checked: numbered from 1 without a gap, known skills, needs among the earlier steps (so
    that there is no cycle), no task twice.

    Raises:
        BadPlan: see there.
    """
    steps: list[Step] = []
    for place, part in enumerate(text.strip().split("; "), 1):
        match = _STEP.fullmatch(part.strip())
        if match is None:
            raise BadPlan(f"step {place} is not `NUMBER SKILL (NEEDS): TASK`: {part[:60]!r}")
        number, skill, needs, task = match.groups()
        needed = tuple(int(need) for need in needs.split(", ")) if needs else ()
        if int(number) != place:
            raise BadPlan(f"step {place} bears the number {number}")
        if skill not in skills:
            raise BadPlan(f"step {place} asks for the unknown skill {skill!r}")
        if any(not 1 <= need < place for need in needed) or len(set(needed)) != len(needed):
            raise BadPlan(f"step {place} needs {needs}: only earlier steps can be needed, each once")
        if task in [step.task for step in steps]:
            raise BadPlan(f"step {place} repeats another one")
        steps.append(Step(place, skill, needed, task))
    return steps


def write_plan(steps: Sequence[Step]) -> str:
    """The one line that ``read_plan`` reads."""
    return "; ".join(
        f"{step.number} {step.skill}"
        + (f" ({', '.join(map(str, step.needs))})" if step.needs else "")
        + f": {step.task}"
        for step in steps
    )


def draw(rng: Random, level: int) -> Drawn:
    """A request of the level's size whose last part uses what others give."""
    while True:
        size = rng.randint(*SIZES[level])
        given: dict[str, str] = {}  # what has been given → its sort
        parts: list[str] = []
        for place in range(size):
            last = place == size - 1
            choices = [
                part
                for part in PARTS
                if _can_follow(part, given, last or (place > 1 and rng.random() < 0.35))
            ]
            if not choices:
                break
            part = rng.choice(choices)
            parts.append(part.draw(rng, _pick(rng, part, given)))
            given[part.gives] = part.sort
        if len(parts) == size:
            return work(OPENING.fill(request=_joined(rng, parts, level)))


def _can_follow(part: Part, given: dict[str, str], dependent: bool) -> bool:
    """Whether all it needs has been given, nothing gives the same, and it is dependent where one is wanted."""
    wanted = bool(part.needs) == dependent
    enough = all(list(given.values()).count(sort) >= part.needs.count(sort) for sort in part.needs)
    return wanted and enough and part.gives not in given


def _pick(rng: Random, part: Part, given: dict[str, str]) -> list[str]:
    picked: list[str] = []
    for sort in part.needs:
        picked.append(rng.choice([name for name, its in given.items() if its == sort and name not in picked]))
    return picked


def _joined(rng: Random, parts: list[str], level: int) -> str:
    if level > 3 and rng.random() < 0.3:
        *rest, goal = parts
        return GOAL_FIRST.fill(goal=goal, rest=_sequence(rng, rest))
    return _capital(_sequence(rng, parts))


def _sequence(rng: Random, parts: list[str]) -> str:
    openers = [rng.choice(FIRST), *(rng.choice(MORE) for _ in parts[1:])]
    if len(parts) > 2:
        openers[-1] = rng.choice(LAST)
    sentences = [opener + part for opener, part in zip(openers, parts, strict=True)]
    return sentences[0] + "".join(f". {sentence}" for sentence in sentences[1:]) + "."


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def parse(prompt: str) -> list[Step]:
    """The right plan of a request's text, its parts in the order in which they can be done.

    Raises:
        ValueError: the text is not such a request.
    """
    gaps = OPENING.read(prompt.strip())
    if gaps is None:
        raise ValueError("not a request to split")
    text = gaps["request"].strip()
    turned = GOAL_FIRST.read(text)
    texts = (turned["rest"] if turned else text).removesuffix(".").split(". ")
    clauses = [_bare(clause) for clause in texts] + ([turned["goal"]] if turned else [])
    steps: list[Step] = []
    given: dict[str, int] = {}
    for number, clause in enumerate(clauses, 1):
        part, needed = _read_part(clause)
        if any(name not in given for name in needed):
            raise ValueError(f"nothing gives what {clause!r} needs")
        steps.append(Step(number, part.skill, tuple(sorted(given[name] for name in needed)), clause))
        given[part.gives] = number
    return steps


def _bare(clause: str) -> str:
    """The clause without the words that open it."""
    for opener in _OPENERS:
        if opener and clause.lower().startswith(opener.lower()):
            return clause[len(opener) :]
    return clause[0].lower() + clause[1:]


def _read_part(clause: str) -> tuple[Part, list[str]]:
    for part in PARTS:
        needed = part.read(clause)
        if needed is not None:
            return part, needed
    raise ValueError(f"no part reads {clause!r}")


def work(prompt: str) -> Drawn:
    """The worked answer of a request's text."""
    steps = parse(prompt)
    given: dict[int, str] = {}
    lines = []
    for step in steps:
        part, _ = _read_part(step.task)
        needs = "".join(f", {given[need]} {need}" for need in step.needs)
        lines.append(
            f" {step.number} {' '.join(step.task.split()[:2])}: {step.skill}{needs} > {part.gives} {step.number}"
        )
        given[step.number] = part.gives
    return Drawn(prompt, "\n".join(lines), write_plan(steps))


def verify(prompt: str, answer: str) -> bool:
    """Whether a plan covers every part of the request once, with its skill and its needs, in any order that works."""
    right = parse(prompt)
    try:
        steps = read_plan(answer)
    except BadPlan:
        return False
    task_of = {step.number: step.task for step in steps}
    right_task_of = {step.number: step.task for step in right}
    found = {(step.task, step.skill, frozenset(task_of[need] for need in step.needs)) for step in steps}
    wanted = {
        (step.task, step.skill, frozenset(right_task_of[need] for need in step.needs)) for step in right
    }
    return found == wanted and len(steps) == len(right)


def solve(prompt: str) -> str:
    """One right plan."""
    return write_plan(parse(prompt))


FAMILY = Family(NAME, {"type": "text"}, draw, solve, work, verify)
