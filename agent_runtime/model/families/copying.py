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
    """A list of one kind of item and its copy; spelled letter by letter now and then."""
    kind = rng.randrange(7)
    size = rng.randint(*SIZES[level])
    items = [_item(rng, kind) for _ in range(size if kind < 5 else size // 2 + 1)]
    if kind == 0 and rng.random() < 0.3:
        items = items[: max(2, size // 3)]
        spelled = ",".join("".join(f" {letter}" for letter in item[:3]) + f" {item}" for item in items)
        return Drawn("Spell: " + " ".join(items), spelled, "done")
    if rng.random() < 0.5:
        return Drawn("Copy: " + " ".join(items), " " + " ".join(items), "done")
    return Drawn("List: " + " ".join(items), " " + rng.choice(SEPARATORS).join(items), "done")


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
