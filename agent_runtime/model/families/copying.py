"""The copy helper: not a task of the market, but the drill without which the small model learns to look
things up only very late.

Copies lists of words, brackets, names, numbers and instructions, bare or with a separator between the items.
"""

from __future__ import annotations

from random import Random

from agent_runtime.model.families.base import Drawn, Family
from agent_runtime.model.families.nouns import CLASSES
from agent_runtime.model.families.words import SEVEN_PEOPLE, person, title, word

NAME = "copying"
SIZES = {1: (2, 8), 2: (3, 16), 3: (3, 24), 4: (16, 32), 5: (24, 40)}
SEPARATORS = (", ", " -, ", " :\n ", " ; ")


def draw(rng: Random, level: int) -> Drawn:
    """A list of one kind of item and its copy, or a list of words, each with its first letters."""
    size = rng.randint(*SIZES[level])
    if rng.random() < 0.4:
        return _spelled(rng, max(2, size // 3))
    kind = rng.randrange(7)
    items = [_item(rng, kind) for _ in range(size if kind < 5 else size // 2 + 1)]
    if rng.random() < 0.5:
        return Drawn("Copy: " + " ".join(items), " " + " ".join(items), "done")
    return Drawn("List: " + " ".join(items), " " + rng.choice(SEPARATORS).join(items), "done")


def _spelled(rng: Random, size: int) -> Drawn:
    words = [word(rng) for _ in range(size)]
    letters = rng.choice([3, 3, 20])
    return Drawn(
        "Spell: " + " ".join(words),
        ",".join(f" {item}{''.join(f' {letter}' for letter in item[:letters])}" for item in words),
        "done",
    )


def _item(rng: Random, kind: int) -> str:
    if kind == 0:
        return word(rng)
    if kind == 1:
        return rng.choice("( ) [ ] { } < >".split())
    if kind == 2:
        return rng.choice(["True", "False", "not", "and", "or", "(", ")"])
    if kind == 3:
        return person(rng)
    if kind == 4:
        return rng.choice(
            [str(rng.randint(-99, 99)), rng.choice("abcdefghijklmnopqrstuvwxyz"), rng.choice("+-*/")]
        )
    if kind == 5:
        return title(rng)
    step = f"Take {rng.randint(1, 10)} steps."
    noun = rng.choice(CLASSES[rng.choice(list(CLASSES))])
    return rng.choice(
        [step, f"Turn {rng.choice(['left', 'right', 'around'])}.", rng.choice(SEVEN_PEOPLE), noun]
    )


def solve(prompt: str) -> str:
    """A drill has no answer to look for."""
    return "done"


DRILL = Family(NAME, {"type": "text"}, draw, solve)
