"""Object counting: ``I have a flute, two lamps, and a trumpet. How many musical instruments do I have?``

Worked by copying every item in order with its class, a verdict and the running total. The class is said of every item,
asked for or not, since it is what has to be known. Knows the nouns of ``nouns`` only.
"""

from __future__ import annotations

import re
from random import Random

from agent_runtime.model.families.base import INTEGER, Drawn, Family
from agent_runtime.model.families.nouns import CLASSES, NUMERALS, class_of, counted

NAME = "object_counting"
ITEMS = {1: (2, 4), 2: (3, 7), 3: (2, 11), 4: (11, 14), 5: (15, 18)}
STRANGERS = {1: [0, 1], 2: [0, 0, 1, 1, 2], 3: [0, 0, 1, 1, 2, 3], 4: [1, 2, 3, 4], 5: [2, 3, 4, 5]}
#: What the working calls an item of a class.
SAID = {
    "fruits": "fruit",
    "vegetables": "vegetable",
    "animals": "animal",
    "musical instruments": "instrument",
    "objects": "thing",
}


def draw(rng: Random, level: int) -> Drawn:
    """Items of one class with a few of another between them (``objects`` asks for all of them)."""
    asked = rng.choice(list(CLASSES))
    size = rng.randint(*ITEMS[level])
    items = (
        _objects(rng, size) if asked == "objects" else _mixed(rng, asked, size, rng.choice(STRANGERS[level]))
    )
    rng.shuffle(items)
    phrases = [counted(noun, 1 if rng.random() < 0.72 else rng.randint(2, 5)) for noun in items]
    listed = f"{', '.join(phrases[:-1])}, and {phrases[-1]}"
    return work(f"I have {listed}. How many {asked} do I have?")


def work(prompt: str) -> Drawn:
    """The worked answer of a question's text."""
    steps, total = [], 0
    asked, items = _parse(prompt)
    for phrase, count, kind in items:
        counts = _counts(asked, kind)
        total += count if counts else 0
        steps.append(f" {phrase} {SAID[kind]} {'y' if counts else 'n'} {total}")
    return Drawn(prompt, f" {'all' if asked == 'objects' else SAID[asked]}:{','.join(steps)}", str(total))


def _objects(rng: Random, size: int) -> list[str]:
    pool = set(CLASSES["objects"])
    if size > 14 or rng.random() < 0.5:
        pool |= set(rng.choice(list(CLASSES.values())))
    return rng.sample(sorted(pool), size)


def _mixed(rng: Random, asked: str, size: int, strangers: int) -> list[str]:
    strangers = min(strangers, size - 1)
    other = rng.choice([name for name in CLASSES if name != asked])
    own = rng.sample(CLASSES[asked], size - strangers)
    return own + rng.sample(CLASSES[other], strangers)


def _counts(asked: str, kind: str) -> bool:
    return asked in ("objects", kind)


def _parse(prompt: str) -> tuple[str, list[tuple[str, int, str]]]:
    """The class that is asked for; each item's phrase, its number and its class.

    Raises:
        ValueError: the text is not such a question, or a noun is of no class.
    """
    match = re.fullmatch(r"I have (.*)\. How many (.*) do I have\?", prompt)
    if match is None:
        raise ValueError("not a counting question")
    items = []
    for phrase in re.split(r", and |, | and ", match[1]):
        first = phrase.split(" ", 1)[0]
        count = NUMERALS.index(first) if first in NUMERALS else 1
        items.append((phrase, count, class_of(phrase)))
    return match[2], items


def solve(prompt: str) -> str:
    """The total over the items that count."""
    asked, items = _parse(prompt)
    return str(sum(count for _, count, kind in items if _counts(asked, kind)))


FAMILY = Family(NAME, INTEGER, draw, solve, work)
