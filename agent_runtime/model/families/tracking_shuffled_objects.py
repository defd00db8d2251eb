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
from agent_runtime.model.families.templates import letter_of, scan, shuffled_options, split_options
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
    if level > 3:
        return people + {4: 2, 5: 5}[level]
    return {1: rng.randint(1, 2), 2: max(2, people - 1), 3: people}[level]


def draw(rng: Random, level: int, people: int) -> Drawn:
    """A story of the level's swaps. Beyond level 3 the options are always shuffled, up to it in a little more than half of the
    stories, so that no answer leans on their order (in the public files they stand as in the story).
    """
    story, names = rng.choice(STORIES), SEVEN_PEOPLE[:people]
    objects = distinct(rng, people, story.draw_object)
    sentences = []
    count = _swaps(rng, people, level)
    for turn in range(count):
        a, b = rng.sample(names, 2)
        adverb = "First" if turn == 0 else "Finally" if turn == count - 1 else "Then"
        sentences.append(f"{adverb}, {story.swap.format(a, b)}")
    asked = rng.choice(names)
    options = list(range(people))
    if level > 3 or rng.random() < 0.1:
        rng.shuffle(options)
    starts = [f"{name} {story.has.format(thing)}" for name, thing in zip(names, objects, strict=True)]
    listed = [
        f"({letter}) {story.option.format(objects[at])}" for letter, at in zip(LETTERS, options, strict=False)
    ]
    prompt = (
        f"{_and(names)} {story.opening}{_and(starts)}.\n{story.middle} {' '.join(sentences)} {story.asks.format(asked)}"
        "\nOptions:\n" + "\n".join(listed)
    )
    return work(shuffled_options(rng, prompt) if rng.random() < 0.5 else prompt)


def _and(parts: list[str] | tuple[str, ...]) -> str:
    return f"{', '.join(parts[:-1])}, and {parts[-1]}"


def _table(holds: dict[str, int]) -> str:
    return "".join(f" {name} {LETTERS[at]}" for name, at in holds.items())


@dataclass(frozen=True, slots=True)
class Told:
    """A story as its text tells it: each one's first object as the options name it, the swaps, who is asked for."""

    first: dict[str, str]
    swaps: list[tuple[str, str]]
    asked: str
    options: list[str]


def parse(prompt: str) -> Told:
    """The story of a question's text.

    Raises:
        ValueError: the text is not such a question.
    """
    story, options = split_options(prompt)
    starts = re.split(r"\.\s", story.split(": ", 1)[1], maxsplit=1)[0]
    first: dict[str, str] = {}
    for clause in re.split(r", and (?=[A-Z]\w+ (?:gets|is|has) )|, (?=[A-Z]\w+ (?:gets|is|has) )", starts):
        match = re.fullmatch(r"(\w+) (?:gets|is dancing with|has an?|is playing) (.*)", clause)
        if match is None:
            raise ValueError(f"{clause!r} says of nobody what they hold")
        first[match[1]] = match[2]
    swaps = re.findall(
        r"(\w+) and (\w+) (?:swap|switch|trade) (?:books|partners|balls|their gifts|positions)\.", story
    )
    asked = re.findall(r"At the end of the \w+, (\w+) ", story)
    if not asked:
        raise ValueError("nobody is asked for")
    return Told(first, swaps, asked[-1], options)


def work(prompt: str) -> Drawn:
    """The worked answer of a question's text."""
    told = parse(prompt)
    names = list(told.first)
    holds = {name: at for at, name in enumerate(names)}
    lines = [_table(holds)]
    for a, b in told.swaps:
        holds[a], holds[b] = holds[b], holds[a]
        lines.append(f" {a} and {b}:{_table(holds)}")
    held = holds[told.asked]
    thing = told.first[names[held]]
    lines.append(f" {told.asked} {LETTERS[held]} {names[held]} {thing}:{scan(told.options, thing)}")
    return Drawn(prompt, "\n".join(lines), letter_of(told.options, thing))


def solve(prompt: str) -> str:
    """The label by moving the objects themselves and comparing them with the options."""
    told = parse(prompt)
    holds = dict(told.first)
    for a, b in told.swaps:
        holds[a], holds[b] = holds[b], holds[a]
    return letter_of(told.options, holds[told.asked])


def _family(word: str, people: int) -> Family:
    labels = {"type": "choice", "labels": list(LETTERS[:people])}
    return Family(
        f"tracking_shuffled_objects_{word}_objects",
        labels,
        lambda rng, level: draw(rng, level, people),
        solve,
        work,
    )


FAMILY_BY_SIZE = {word: _family(word, people) for word, people in SIZES.items()}
