"""Web of lies: a chain of people who each say whether the one before lies. Worked by name, claim and truth
value in order.
"""

from __future__ import annotations

import re
from random import Random

from agent_runtime.model.families.base import YES_NO, Drawn, Family
from agent_runtime.model.families.words import distinct, person

NAME = "web_of_lies"
_SENTENCE = re.compile(r"(\S+) (?:says (\S+) )?(lies|tells the truth)\.")
PEOPLE: dict[int, list[int]] = {1: [2, 3], 2: [4], 3: [5], 4: [7, 8, 9], 5: [10, 11, 12]}


def draw(rng: Random, level: int) -> Drawn:
    """A chain of the level's length; the last one's honesty is asked for."""
    names = distinct(rng, rng.choice(PEOPLE[level]), person)
    honest = rng.random() < 0.5
    sentences = [f"{names[0]} {_verb(honest)}."]
    for before, name in zip(names, names[1:], strict=False):
        sentences.append(f"{name} says {before} {_verb(rng.random() < 0.5)}.")
    return work(f"Question: {' '.join(sentences)} Does {names[-1]} tell the truth?")


def work(prompt: str) -> Drawn:
    """The worked answer of a question's text whose people come in the order of the chain."""
    honest: dict[str, bool] = {}
    steps, last = [], ""
    for name, about, verb in _SENTENCE.findall(prompt):
        claim = verb != "lies"
        honest[name] = honest[about] == claim if about else claim
        steps.append(
            f" {name}{(' truth' if claim else ' lies') if about else ''} {'T' if honest[name] else 'F'}"
        )
        last = name
    return Drawn(prompt, ",".join(steps), "YES" if honest[last] else "NO")


def _verb(honest: bool) -> str:
    return "tells the truth" if honest else "lies"


def solve(prompt: str) -> str:
    """The last one's honesty from a table of names, in whatever order the sentences name them."""
    honest: dict[str, bool] = {}
    for name, about, verb in _SENTENCE.findall(prompt):
        claim = verb != "lies"
        honest[name] = honest[about] == claim if about else claim
    asked = re.search(r"Does (\S+) tell the truth\?", prompt)
    if asked is None:
        raise ValueError("nobody is asked for")
    return "YES" if honest[asked[1]] else "NO"


FAMILY = Family(NAME, YES_NO, draw, solve, work)
