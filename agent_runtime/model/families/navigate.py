"""Navigation: do the instructions lead back to the start? Worked by position (and heading) after each
instruction.

Walks that return are built on purpose (a random walk and the steps that close it): drawing them by rejection
would make them all short.
"""

from __future__ import annotations

import re
from random import Random

from agent_runtime.model.families.base import YES_NO, Drawn, Family

NAME = "navigate"
LENGTHS = {1: (2, 4), 2: (3, 6), 3: (2, 10), 4: (10, 13), 5: (14, 17)}
OPENING = "If you follow these instructions, do you return to the starting point? "
FACING = "Always face forward. "
CLOSING = "\nOptions:\n- Yes\n- No"
SIDEWAYS = {"left": (-1, 0), "right": (1, 0), "forward": (0, 1), "backward": (0, -1)}
HEADINGS = ((0, 1), (1, 0), (0, -1), (-1, 0))
TURNS = {"left": 3, "right": 1, "around": 2}

_INSTRUCTION = re.compile(r"Turn (\w+)\.|Take (\d+) steps?(?: (\w+))?\.")

Instruction = tuple[int, str]  # (steps, direction): direction "" is straight ahead; steps 0 is a turn


def draw(rng: Random, level: int) -> Drawn:
    """A walk of the level's length, returning or not with equal odds."""
    facing, returns = rng.random() < 0.5, rng.random() < 0.5
    low, high = LENGTHS[level]
    while True:
        size = rng.randint(low, high)
        walk = [
            _random_instruction(rng, facing)
            for _ in range(size if not returns else max(1, size - rng.randint(1, 3)))
        ]
        if returns:
            walk = _closed(rng, walk, facing)
        if not low <= len(walk) <= high:
            continue
        texts, _, x, y, _ = _follow(walk, facing)
        if (x == y == 0) == returns:
            break
    return work(OPENING + (FACING if facing else "") + " ".join(texts) + CLOSING)


def work(prompt: str) -> Drawn:
    """The worked answer of a question's text."""
    walk: list[Instruction] = []
    for turn, steps, direction in _INSTRUCTION.findall(prompt):
        walk.append((0, turn) if turn else (int(steps), direction))
    _, done, x, y, _ = _follow(walk, FACING in prompt)
    return Drawn(prompt, " 0 0," + ",".join(done), "YES" if x == y == 0 else "NO")


def _random_instruction(rng: Random, facing: bool) -> Instruction:
    if facing:
        return rng.randint(1, 10), rng.choice(list(SIDEWAYS))
    if rng.random() < 0.6:
        return rng.randint(1, 10), ""
    return 0, rng.choice(list(TURNS))


def _follow(walk: list[Instruction], facing: bool) -> tuple[list[str], list[str], int, int, int]:
    x = y = heading = 0
    texts, steps = [], []
    for count, direction in walk:
        if count == 0:
            heading = (heading + TURNS[direction]) % 4
            texts.append(f"Turn {direction}.")
            steps.append(f" {direction} {'NESW'[heading]} {x} {y}")
            continue
        dx, dy = SIDEWAYS[direction] if facing else HEADINGS[heading]
        x, y = x + dx * count, y + dy * count
        texts.append(f"Take {count} step{'s' if count > 1 else ''}{f' {direction}' if facing else ''}.")
        steps.append(f" {count} {direction if facing else 'NESW'[heading]} {x} {y}")
    return texts, steps, x, y, heading


def _closed(rng: Random, walk: list[Instruction], facing: bool) -> list[Instruction]:
    """The walk with instructions that bring it back (empty where a turning walk is off both axes)."""
    _, _, x, y, heading = _follow(walk, facing)
    if facing:
        closed = walk + [(n, "left" if x > 0 else "right") for n in _split(rng, x)]
        closed += [(n, "backward" if y > 0 else "forward") for n in _split(rng, y)]
        rng.shuffle(closed)
        return closed
    if x and y:
        return []
    if not x and not y:
        return walk
    wanted = (3 if x > 0 else 1) if x else (2 if y > 0 else 0)
    turn = {0: [], 1: [(0, "right")], 2: [(0, "around")], 3: [(0, "left")]}[(wanted - heading) % 4]
    tail = [(0, rng.choice(list(TURNS)))] if rng.random() < 0.3 else []
    return [*walk, *turn, *[(n, "") for n in _split(rng, x or y)], *tail]


def _split(rng: Random, distance: int) -> list[int]:
    left, parts = abs(distance), []
    while left > 10:
        parts.append(rng.randint(1, 10))
        left -= parts[-1]
    if left > 1 and rng.random() < 0.2:
        first = rng.randint(1, left - 1)
        return [*parts, first, left - first]
    return [*parts, left] if left else parts


def solve(prompt: str) -> str:
    """Walks the text with complex numbers, independent of the generator's tables."""
    position, heading = 0j, 1j
    relative = {"left": 1j, "right": -1j, "around": -1, "backward": -1, "forward": 1, "": 1}
    for turn, steps, direction in _INSTRUCTION.findall(prompt):
        if turn:
            heading *= relative[turn]
        else:
            position += int(steps) * heading * relative[direction]
    return "YES" if position == 0 else "NO"


FAMILY = Family(NAME, YES_NO, draw, solve, work)
