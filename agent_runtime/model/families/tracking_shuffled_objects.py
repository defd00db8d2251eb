"""Tracking shuffled objects (three, five, seven people): who holds what after a series of swaps?

Worked with one letter per object (its place in the story's first list), the whole table after every swap, and
a last line that looks the asked person's object up: ``Bob C Claire Lolita B`` = Bob holds object C, which
Claire had first, Lolita, option (B).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from agent_runtime.model.families.base import Drawn, Family
from agent_runtime.model.families.words import SEVEN_PEOPLE, distinct, person, title

LETTERS = "ABCDEFG"
SIZES = {"three": 3, "five": 5, "seven": 7}
COLOURS = ("red", "blue", "green", "yellow", "orange", "pink", "black", "white", "brown", "purple")
POSITIONS = (
    "goalkeeper", "striker", "fullback", "benchwarmer", "cheerleader", "left winger", "right winger", "left midfielder",
    "right midfielder", "center midfielder",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Story:
    """One kind of story; ``{}`` is the object, and ``{0}`` ``{1}`` are the two people of a swap."""

    opening: str
    has: str
    middle: str
    swap: str
    asks: str
    option: str
    draw_object: Callable[[Random], str]


def _gift(rng: Random) -> str:
    return rng.choice(COLOURS) + (" present" if rng.random() < 0.7 else " ball")


STORIES = (
    Story(
        "are friends and avid readers who occasionally trade books. At the start of the semester, they each buy one new book: ",
        "gets {}", "As the semester proceeds, they start trading around the new books.", "{0} and {1} swap books.",
        "At the end of the semester, {} has", "{}", title,
    ),
    Story(
        "are dancers at a square dance. At the start of a song, they each have a partner: ",
        "is dancing with {}", "Throughout the song, the dancers often trade partners.", "{0} and {1} switch partners.",
        "At the end of the dance, {} is dancing with", "{}", person,
    ),
    Story(
        "are playing a game. At the start of the game, they are each holding a ball: ",
        "has a {} ball", "As the game progresses, pairs of players trade balls.", "{0} and {1} swap balls.",
        "At the end of the game, {} has the", "{} ball", lambda rng: rng.choice(COLOURS),
    ),
    Story(
        "are holding a white elephant gift exchange. At the start of the event, they are each "
        "holding a present of a different color: ",
        "has a {}", "As the event progresses, pairs of people swap gifts.", "{0} and {1} swap their gifts.",
        "At the end of the event, {} has the", "{}", _gift,
    ),
    Story(
        "are on the same team in a soccer match. At the start of the match, they are each assigned to a position: ",
        "is playing {}", "As the game progresses, pairs of players occasionally swap positions.", "{0} and {1} trade positions.",
        "At the end of the match, {} is playing", "{}", lambda rng: rng.choice(POSITIONS),
    ),
)  # fmt: skip


def _swaps(rng: Random, people: int, level: int) -> int:
    return {1: rng.randint(1, 2), 2: max(2, people - 1), 3: people, 4: people, 5: people + 3}[level]


def draw(rng: Random, level: int, people: int) -> Drawn:
    """A story; up to level 3 the options stand in the order of the first list, as in the public files, beyond
    it shuffled.
    """
    story, names = rng.choice(STORIES), SEVEN_PEOPLE[:people]
    objects = distinct(rng, people, story.draw_object)
    holds = dict(zip(names, range(people), strict=True))
    lines, sentences = [_table(holds)], []
    count = _swaps(rng, people, level)
    for turn in range(count):
        a, b = rng.sample(names, 2)
        holds[a], holds[b] = holds[b], holds[a]
        adverb = "First" if turn == 0 else "Finally" if turn == count - 1 else "Then"
        sentences.append(f"{adverb}, {story.swap.format(a, b)}")
        lines.append(f" {a} and {b}:{_table(holds)}")
    asked = rng.choice(names)
    options = list(range(people))
    if level > 3 or rng.random() < 0.1:
        rng.shuffle(options)
    held = holds[asked]
    label = LETTERS[options.index(held)]
    lines.append(f" {asked} {LETTERS[held]} {names[held]} {story.option.format(objects[held])} {label}")
    starts = [f"{name} {story.has.format(thing)}" for name, thing in zip(names, objects, strict=True)]
    listed = [
        f"({letter}) {story.option.format(objects[at])}" for letter, at in zip(LETTERS, options, strict=False)
    ]
    prompt = (
        f"{_and(names)} {story.opening}{_and(starts)}.\n{story.middle} {' '.join(sentences)} {story.asks.format(asked)}"
        "\nOptions:\n" + "\n".join(listed)
    )
    return Drawn(prompt, "\n".join(lines), label)


def _and(parts: list[str] | tuple[str, ...]) -> str:
    return f"{', '.join(parts[:-1])}, and {parts[-1]}"


def _table(holds: dict[str, int]) -> str:
    return "".join(f" {name} {LETTERS[at]}" for name, at in holds.items())


def solve(prompt: str) -> str:
    """The label by moving the objects themselves and comparing them with the options."""
    story, _, options = prompt.partition("\nOptions:\n")
    starts = story.split(": ", 1)[1].split(".\n", 1)[0]
    holds: dict[str, str] = {}
    for clause in re.split(r", and (?=[A-Z]\w+ (?:gets|is|has) )|, (?=[A-Z]\w+ (?:gets|is|has) )", starts):
        name, thing = re.fullmatch(r"(\w+) (?:gets|is dancing with|has a|is playing) (.*)", clause).groups()  # type: ignore[union-attr]
        holds[name] = thing
    for a, b in re.findall(
        r"(\w+) and (\w+) (?:swap|switch|trade) (?:books|partners|balls|their gifts|positions)\.", story
    ):
        holds[a], holds[b] = holds[b], holds[a]
    asked = re.findall(r"At the end of the \w+, (\w+) ", story)[-1]
    for label, thing in re.findall(r"\((\w)\) (.*)", options):
        if thing == holds[asked]:
            return str(label)
    raise ValueError("no option names the object")


def _family(word: str, people: int) -> Family:
    labels = {"type": "choice", "labels": list(LETTERS[:people])}
    return Family(
        f"tracking_shuffled_objects_{word}_objects",
        labels,
        lambda rng, level: draw(rng, level, people),
        solve,
    )


FAMILY_BY_SIZE = {word: _family(word, people) for word, people in SIZES.items()}
